//! Goal: while bauta is replaced by another process, nobody who connects is
//! refused. Method: the test plays systemd (sd_listen_fds(3)): it owns the
//! listening socket and passes it as descriptor 3 to one `bauta serve` after
//! the other.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Bauta, Raw, Server};

const PASS: &str = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"";

fn serve_on(listener: &TcpListener, bauta: &Bauta) -> Child {
    let program = bauta.command(&["serve", "-c", "proxy.toml"]);
    let socket: std::os::fd::OwnedFd = listener.try_clone().unwrap().into();
    let mut shell = Command::new("sh");
    shell.args(["-c", PASS, "sh"]).arg(program.get_program()).args(program.get_args());
    shell.current_dir(program.get_current_dir().unwrap()).stdin(Stdio::from(socket));
    shell.stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().expect("bauta serve")
}

fn end(mut child: Child) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_secs(30), "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn who_connects_between_two_processes_is_served_by_the_second() {
    let server = Server::shared();
    let bauta = Bauta::prepare(server, "listen.address = \"127.0.0.1:1\"");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let first = serve_on(&listener, &bauta);
    assert!(!Raw::connect(port, "ana").query("SELECT 1").is_empty());
    end(first);
    // Nobody accepts now, and nobody is refused.
    let waiting = TcpStream::connect(("127.0.0.1", port)).expect("the socket is still there");
    let client = std::thread::spawn(move || Raw::connect(port, "ana").query("SELECT 2").len());
    let second = serve_on(&listener, &bauta);
    assert!(client.join().unwrap() > 0);
    drop(waiting);
    end(second);
}

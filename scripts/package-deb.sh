#!/usr/bin/env bash
# Makes target/debian/bauta_VERSION_ARCHITECTURE.deb out of a release build:
# program, systemd units, configuration, documentation, manual page, completions.
# Installing it makes the user bauta and starts nothing. Needs dpkg-deb.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/release.sh
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
maintainer="bauta maintainers <maintainers@bauta.invalid>"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
# Built here, it asks for nothing newer than what is here.
glibc=$(getconf GNU_LIBC_VERSION | cut -d" " -f2)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

install -Dm755 target/release/bauta "$root/usr/bin/bauta"
strip --strip-unneeded "$root/usr/bin/bauta"
units=$root/usr/lib/systemd/system
install -d "$units"
sed 's#/usr/local/bin/#/usr/bin/#' deploy/bauta.service > "$units/bauta.service"
install -m644 deploy/bauta.socket "$units/bauta.socket"
install -d "$root/usr/lib/sysusers.d"
echo 'u bauta - "bauta, a PostgreSQL proxy" /var/lib/bauta' > "$root/usr/lib/sysusers.d/bauta.conf"
documentation=$root/usr/share/doc/bauta
install -Dm644 -t "$documentation" README.md CHANGELOG.md SECURITY.md docs/*.md
cat > "$documentation/copyright" <<COPYRIGHT
Copyright: $(date -u -d "@$SOURCE_DATE_EPOCH" +%Y) the authors of bauta
License: Apache-2.0, on Debian in /usr/share/common-licenses/Apache-2.0
COPYRIGHT
gzip -9n > "$documentation/changelog.gz" <<ENTRY
bauta ($version) unstable; urgency=medium

  * See CHANGELOG.md.

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
ENTRY
# The places that the unit gives it.
install -d "$root/etc/bauta"
sed -e 's#^file = "bauta.key"$#file = "/var/lib/bauta/bauta.key"#' \
    -e 's#^url = "sqlite:bauta.db"$#url = "sqlite:/var/lib/bauta/bauta.db"#' \
    -e 's#^file = "audit.jsonl"$#file = "/var/lib/bauta/audit.jsonl"#' \
    -e 's#^socket = "bauta.sock"$#socket = "/run/bauta/bauta.sock"#' \
    -e 's#^service_password = .*#service_password = { file = "/run/credentials/bauta.service/service_password" }#' \
    proxy.toml > "$root/etc/bauta/proxy.toml"
[ "$(grep -c '"/var/lib/bauta/\|"sqlite:/var/lib/bauta/\|"/run/' "$root/etc/bauta/proxy.toml")" = 5 ]
install -d "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
    "$root/usr/share/fish/vendor_completions.d"
"$root/usr/bin/bauta" completions bash > "$root/usr/share/bash-completion/completions/bauta"
"$root/usr/bin/bauta" completions zsh > "$root/usr/share/zsh/vendor-completions/_bauta"
"$root/usr/bin/bauta" completions fish > "$root/usr/share/fish/vendor_completions.d/bauta.fish"

# The manual page says what --help says.
install -d "$root/usr/share/man/man1"
help_of() {
    COLUMNS=80 "$root/usr/bin/bauta" "$@" --help | sed -e 's/\\/\\\\/g' -e "s/^[.']/\\\\\&&/" -e 's/-/\\-/g'
}
{
    echo ".TH BAUTA 1 \"$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)\" \"bauta $version\" \"User Commands\""
    printf '.SH NAME\nbauta \\- PostgreSQL proxy that masks protected columns\n.SH DESCRIPTION\n.nf\n'
    help_of
    printf '.fi\n.SH COMMANDS\n'
    "$root/usr/bin/bauta" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | while read -r command; do
        printf '.SS bauta %s\n.nf\n' "$command"
        help_of "$command"
        echo .fi
    done
    printf '.SH FILES\n/etc/bauta/proxy.toml, /var/lib/bauta, /run/bauta/bauta.sock\n'
    printf '.SH SEE ALSO\n/usr/share/doc/bauta/OPERATIONS.md, psql(1), systemctl(1)\n'
} | gzip -9n > "$root/usr/share/man/man1/bauta.1.gz"

install -d "$root/DEBIAN"
echo /etc/bauta/proxy.toml > "$root/DEBIAN/conffiles"
cat > "$root/DEBIAN/control" <<CONTROL
Package: bauta
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Section: database
Priority: optional
Depends: libc6 (>= $glibc), libgcc-s1, ca-certificates
Recommends: postgresql-client
Description: PostgreSQL proxy that masks protected columns
 bauta sits between SQL clients and PostgreSQL and replaces the values of
 protected columns by masks, unless a session holds an unexpired grant.
 Every statement is in a log that can't be quietly edited.
CONTROL
cat > "$root/DEBIAN/postinst" <<'POSTINST'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    if command -v systemd-sysusers >/dev/null; then
        systemd-sysusers bauta.conf
    elif ! getent passwd bauta >/dev/null; then
        useradd --system --home-dir /var/lib/bauta --shell /usr/sbin/nologin bauta
    fi
    # For `bauta init`, before the unit makes it.
    install -d -o bauta -g bauta -m 0700 /var/lib/bauta
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
fi
POSTINST
cat > "$root/DEBIAN/prerm" <<'PRERM'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now bauta.socket bauta.service || true
fi
PRERM
cat > "$root/DEBIAN/postrm" <<'POSTRM'
#!/bin/sh
# What bauta wrote stays, also with a purge: the key, the state, the audit log.
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload
POSTRM
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm" "$root/DEBIAN/postrm"
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
mkdir -p target/debian
dpkg-deb --root-owner-group --build "$root" "target/debian/bauta_${version}_$architecture.deb"

#!/usr/bin/env bash
# Makes target/debian/bauta_VERSION_ARCHITECTURE.deb out of a release build:
# program, systemd units, documentation, completions. Installing it makes the
# user bauta and starts nothing. Needs dpkg-deb.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/release.sh
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
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
install -Dm644 LICENSE "$documentation/copyright"
install -Dm644 proxy.toml "$documentation/examples/proxy.toml"
install -d "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
    "$root/usr/share/fish/vendor_completions.d"
"$root/usr/bin/bauta" completions bash > "$root/usr/share/bash-completion/completions/bauta"
"$root/usr/bin/bauta" completions zsh > "$root/usr/share/zsh/vendor-completions/_bauta"
"$root/usr/bin/bauta" completions fish > "$root/usr/share/fish/vendor_completions.d/bauta.fish"

install -d "$root/DEBIAN"
cat > "$root/DEBIAN/control" <<CONTROL
Package: bauta
Version: $version
Architecture: $architecture
Maintainer: bauta maintainers <maintainers@bauta.invalid>
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
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
mkdir -p target/debian
dpkg-deb --root-owner-group --build "$root" "target/debian/bauta_${version}_$architecture.deb"

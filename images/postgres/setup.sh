install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data
install -d -o postgres -g postgres -m 3777 /run/postgresql
mkdir -p /docker-entrypoint-initdb.d
# What a container's server listens on, unless told otherwise.
sed -i "s/^#\?listen_addresses = .*/listen_addresses = '*'/" /usr/share/postgresql/15/postgresql.conf.sample
grep -q "^listen_addresses = '\*'" /usr/share/postgresql/15/postgresql.conf.sample
# Just-in-time compilation is a third of the image and nothing to a test; without its library it is off.
rm -f /usr/lib/postgresql/15/lib/llvmjit* /usr/lib/*/libLLVM-*.so* /usr/lib/*/libz3.so*

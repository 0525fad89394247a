# The data folder is made at the first start, not at install time.
rm -rf /var/lib/mysql
install -d -o mysql -g mysql -m 1777 /var/lib/mysql
install -d -o mysql -g mysql -m 1777 /run/mysqld
mkdir -p /docker-entrypoint-initdb.d
# Debian's server listens on the loopback only and logs to a file; a container's does neither.
rm -f /etc/mysql/mariadb.conf.d/50-server.cnf /etc/mysql/debian.cnf /etc/mysql/mariadb.conf.d/50-mysqld_safe.cnf
chmod 644 /etc/mysql/mariadb.conf.d/50-container.cnf

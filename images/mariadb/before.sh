groupadd --system --gid 999 mysql
useradd --system --gid mysql --uid 999 --home-dir /var/lib/mysql --shell /usr/sbin/nologin mysql

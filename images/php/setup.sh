ln -s php-fpm8.2 /usr/sbin/php-fpm
mkdir -p /var/www/html
pool=/etc/php/8.2/fpm/pool.d/www.conf
# The master stays in front, everything goes to the container's own output, and workers see the environment.
sed -i -e 's|^;\?daemonize = .*|daemonize = no|' -e 's|^error_log = .*|error_log = /proc/self/fd/2|' /etc/php/8.2/fpm/php-fpm.conf
sed -i -e 's|^listen = .*|listen = 9000|' -e 's|^;clear_env = .*|clear_env = no|' -e 's|^;catch_workers_output = .*|catch_workers_output = yes|' \
    -e 's|^;decorate_workers_output = .*|decorate_workers_output = no|' -e 's|^;ping.path = .*|ping.path = /ping|' "$pool"
grep -q '^listen = 9000' "$pool"

rm -rf /etc/nginx/sites-enabled /etc/nginx/sites-available /etc/nginx/modules-enabled /var/www
mkdir -p /var/cache/nginx /etc/nginx/templates /docker-entrypoint.d
chown nginx:nginx /var/cache/nginx
chmod 755 /docker-entrypoint.sh /docker-entrypoint.d/*
# The engine collects what goes to the container's own output.
mkdir -p /var/log/nginx
ln -sf /dev/stdout /var/log/nginx/access.log
ln -sf /dev/stderr /var/log/nginx/error.log
nginx -t -q -g 'error_log /tmp/error.log; daemon off;'
rm -f /tmp/error.log

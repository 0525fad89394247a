a2enmod -q headers lbmethod_byrequests proxy proxy_balancer proxy_http rewrite slotmem_shm ssl
a2dissite -q 000-default
mkdir -p /var/run/apache2 /var/lock/apache2
echo 'ServerName localhost' >/etc/apache2/conf-enabled/name.conf
# The engine collects what goes to the container's own output.
rm -f /etc/apache2/conf-enabled/other-vhosts-access-log.conf
ln -sf /dev/stderr /var/log/apache2/error.log
ln -sf /dev/stdout /var/log/apache2/access.log

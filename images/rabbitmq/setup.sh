# A cookie from the time of building would be the same in every container; the server makes its own.
rm -f /var/lib/rabbitmq/.erlang.cookie
install -d -o rabbitmq -g rabbitmq -m 777 /var/lib/rabbitmq
install -d -o rabbitmq -g rabbitmq -m 755 /etc/rabbitmq/conf.d
# The log belongs to the engine, and users from outside the container are not local.
printf 'log.console = true\nlog.file = false\nloopback_users.guest = false\n' >/etc/rabbitmq/conf.d/10-defaults.conf

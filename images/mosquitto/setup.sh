mkdir -p /mosquitto/config /mosquitto/data /mosquitto/log
# Without a listener of its own it takes nobody from outside.
printf 'log_dest stderr\n' >/mosquitto/config/mosquitto.conf
chown -R mosquitto:mosquitto /mosquitto

install -d -o appuser -g appuser /mnt/shared/config
install -d -o appuser -g root -m 775 /var/lib/kafka/data /etc/kafka/secrets
chown appuser:appuser /opt/kafka /opt/kafka/config

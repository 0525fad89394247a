# Nobody looks at pages here, and the tool for rules is as big as Prometheus itself.
rm -rf /usr/share/javascript /usr/share/fonts /usr/bin/promtool
install -d -o nobody -g nogroup /prometheus /alertmanager

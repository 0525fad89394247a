environment ENV.fetch("RACK_ENV", "development")
bind "tcp://0.0.0.0:#{ENV.fetch('PORT', 9292)}"
pidfile "/tmp/puma.pid"
workers Integer(ENV.fetch("WEB_CONCURRENCY", 0))
threads 1, 4
worker_timeout 30
preload_app!

# frozen_string_literal: true

require "json"
require "mysql2"
require "sinatra/base"

class Charts < Sinatra::Base
  set :host_authorization, {}

  helpers do
    def rows(sql)
      client = Mysql2::Client.new(
        host: ENV.fetch("DB_HOST"), port: ENV.fetch("DB_PORT"), database: ENV.fetch("DB_NAME"),
        username: ENV.fetch("DB_USER"), password: File.read(ENV.fetch("DB_PASSWORD_FILE")).strip,
        connect_timeout: 3, read_timeout: 8
      )
      client.query(sql).to_a
    ensure
      client&.close
    end
  end

  get("/up") { "up\n" }

  get "/charts/levels" do
    content_type :json
    events = rows("SELECT source, level, message, received FROM events ORDER BY id")
    JSON.generate(events.group_by { |event| event["level"] }.transform_values(&:size))
  end
end

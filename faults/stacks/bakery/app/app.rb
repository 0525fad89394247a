require "sinatra/base"
require_relative "database"
require_relative "jobs"

class Bakery < Sinatra::Base
  set :host_authorization, {}

  get("/up") { "up\n" }

  get("/left") do
    Database.open { |base| base.query("SELECT count(*) AS n FROM orders WHERE NOT baked").first["n"].to_s + "\n" }
  end

  post("/orders") do
    order = Database.open do |base|
      base.query("INSERT INTO orders (kind) VALUES ('#{base.escape(params[:kind].to_s)}')")
      base.last_id
    end
    BakeJob.perform_async(order, params[:kind])
    "order #{order}\n"
  end
end

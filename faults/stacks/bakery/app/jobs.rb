require "sidekiq"
require_relative "database"

class BakeJob
  include Sidekiq::Worker
  sidekiq_options queue: ENV.fetch("ORDER_QUEUE", "default"), retry: 5, backtrace: 8
  sidekiq_retry_in { 2 }

  # A soufflé needs an oven that is hot, which it is the second time.
  def perform(order, kind)
    if kind == "souffle" && Sidekiq.redis { |redis| redis.setnx("oven:#{order}", 1) }
      raise IOError, "oven refused connection, timed out waiting for heat: order #{order}"
    end
    Database.open { |base| base.query("UPDATE orders SET baked = TRUE WHERE id = #{Integer(order)}") }
  end
end

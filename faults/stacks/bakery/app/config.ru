require_relative "app"

run Bakery

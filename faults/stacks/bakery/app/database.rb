require "erb"
require "mysql2"
require "yaml"

module Database
  SETTINGS = YAML.safe_load(ERB.new(File.read(File.join(__dir__, "config/database.yml"))).result, aliases: true)

  def self.open
    client = Mysql2::Client.new(SETTINGS.fetch(ENV.fetch("RACK_ENV", "development")).transform_keys(&:to_sym))
    yield client
  ensure
    client&.close
  end
end

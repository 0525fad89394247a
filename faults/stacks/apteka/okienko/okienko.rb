# Takes prescriptions, the small ones and those with a scan, and keeps the last two hundred.
require "json"
require "logger"
require "mysql2"
require "sinatra/base"
require "time"
require "yaml"

$stdout.sync = true
DZIENNIK = Logger.new($stdout, formatter: lambda { |poziom, czas, _, wpis|
  JSON.generate({ czas: czas.utc.iso8601(3), poziom: poziom }.merge(wpis)) + "\n"
})
BAZA = YAML.safe_load(File.read(ENV.fetch("BAZA_PLIK"))).transform_keys(&:to_sym)

class Okienko < Sinatra::Base
  set :server, "puma"
  set :port, Integer(ENV.fetch("PORT"))
  set :quiet, true
  set :logging, false
  set :show_exceptions, false
  set :raise_errors, false
  set :dump_errors, false

  helpers do
    def baza
      klient = Mysql2::Client.new(**BAZA, password: File.read(ENV.fetch("BAZA_HASLO_PLIK")).strip)
      yield klient
    ensure
      klient&.close
    end
  end

  error do
    blad = env["sinatra.error"]
    DZIENNIK.error(klasa: blad.class.name, tresc: blad.message, gdzie: blad.backtrace&.first, adres: request.path)
    status blad.message.start_with?("Duplicate entry") ? 409 : 500
    "nie przyjęto\n"
  end

  post "/recepty" do
    baza do |b|
      wpis = b.prepare("INSERT INTO recepty (numer, skan) VALUES (?, ?)")
      wpis.execute(request.env["HTTP_X_NUMER"], request.body.read)
      b.query("DELETE FROM recepty WHERE id < #{b.last_id - 200}")
    end
    status 201
    "przyjęto\n"
  end
end

DZIENNIK.info(tresc: "okienko otwarte", port: Okienko.port)
Okienko.run!

# frozen_string_literal: true

require_relative "charts"

run Charts

GRANT RELOAD, LOCK TABLES, PROCESS ON *.* TO '{{name.farmaceuta}}'@'%';

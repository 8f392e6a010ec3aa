-- Run once, on an empty volume; POSTGRES_DB makes the notifier's own.
CREATE DATABASE console;

from customer_import.app import build
from customer_import.settings import Settings
from servicekit import main

main(Settings, build)

from invoice_push.app import build
from invoice_push.settings import Settings
from servicekit import main

main(Settings, build)

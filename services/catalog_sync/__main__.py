from catalog_sync.app import build
from catalog_sync.settings import Settings
from servicekit import main

main(Settings, build)

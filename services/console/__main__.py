from console.app import build
from console.bootstrap import bootstrap_token
from console.settings import Settings
from servicekit import main

main(Settings, build, {"bootstrap-token": bootstrap_token})

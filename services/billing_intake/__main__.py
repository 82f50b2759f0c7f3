from billing_intake.app import build
from billing_intake.settings import Settings
from servicekit import main

main(Settings, build)

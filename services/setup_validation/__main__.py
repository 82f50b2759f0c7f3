from servicekit import main
from setup_validation.app import build
from setup_validation.settings import Settings

main(Settings, build)

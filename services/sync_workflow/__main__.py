from servicekit import main
from sync_workflow.app import build
from sync_workflow.settings import Settings

main(Settings, build)

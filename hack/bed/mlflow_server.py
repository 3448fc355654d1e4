"""A real MLflow tracking server and registry, in an environment of its own, on a loopback port.

Runs and models are in an SQLite file of the bed's folder unless another backend is named;
artifacts go through the server. The same environment runs the example training: `python`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

from bed.cache import content_key, kept, progress
from bed.errors import PartFailed
from bed.ports import start_on_free_port
from bed.processes import Part
from bed.server import Server
from bed.uv import make_environment

LOCK = Path(__file__).resolve().parent / "requirements-mlflow.txt"
_READY_SECONDS = 180.0
_ARTIFACTS = "mlflow-artifacts:/"
_MIGRATE = (
    "import sys; from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore;"
    f"SqlAlchemyStore(sys.argv[1], {_ARTIFACTS!r})"
)
_QUIET = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # it would start eight more processes
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class MLflow(Server):
    """One server; made by `start`, ended by `stop` or by the end of a `with` block."""

    def __init__(
        self,
        folder: Path,
        backend: str | None = None,
        admin_password: str | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        super().__init__(folder.resolve(), "mlflow")
        self.address = address
        self.python = MLflow.ensure_installed()
        self._backend = backend
        self._admin_password = admin_password

    @staticmethod
    def ensure_installed() -> Path:
        """The Python that has MLflow and scikit-learn; installed from the lock if need be."""
        key = content_key(LOCK, sys.version)
        return kept("mlflow", key, _install) / "bin" / "python"

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        backend: str | None = None,
        admin_password: str | None = None,
        address: str = "127.0.0.1",
    ) -> MLflow:
        """A server that is healthy; `backend` is an SQLAlchemy URL, `address` this machine's.

        With a password for its user `admin` it asks everybody who they are (basic auth), and lets
        a user that nothing was granted to read. Pods reach it at their node's `Node.host` alone.
        """
        server = cls(folder, backend, admin_password, address)
        if backend is None:
            shutil.copy(_template(server.python), server._database)
        start_on_free_port(server._start_on, address)
        return server

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def _database(self) -> Path:
        return self.folder / "mlflow.db"

    def _start_on(self, port: int) -> Part:
        options = {
            "host": self.address,
            "port": port,
            "allowed-hosts": f"{self.address},{self.address}:*",
            "workers": 1,
            "backend-store-uri": self._backend or f"sqlite:///{self._database}",
            "artifacts-destination": self.folder / "artifacts",
        }
        flags = [f"--{option}={value}" for option, value in options.items()]
        flags += ["--app-name=basic-auth"] if self._admin_password else []
        serve = ["-m", "mlflow", "server", "--serve-artifacts"]
        env = _environment() | self._users()
        self.port = port
        part = self._processes.start("mlflow", [self.python, *serve, *flags], env=env)
        self._part = part
        try:
            part.until(self._is_healthy, _READY_SECONDS)
        except BaseException:
            part.kill()
            raise
        return part

    def _users(self) -> dict[str, str]:
        """Where the users are kept, if it has any."""
        if self._admin_password is None:
            return {}
        settings = self.folder / "users.ini"
        words = (
            "[mlflow]",
            "default_permission = READ",
            f"database_uri = sqlite:///{self.folder / 'users.db'}",
            "admin_username = admin",
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
        )
        settings.write_text("\n".join(words))
        return {
            "MLFLOW_AUTH_CONFIG_PATH": str(settings),
            "MLFLOW_AUTH_ADMIN_PASSWORD": self._admin_password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": self._admin_password,
        }

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _environment() -> dict[str, str]:
    """Ours, without a person's own MLflow settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return own | _QUIET


def _install(folder: Path) -> None:
    with progress("installing MLflow and scikit-learn (once)"):
        make_environment(folder, ["--require-hashes", "-r", str(LOCK)])


def _template(python: Path) -> Path:
    """An empty database with MLflow's tables, to copy: making them takes seconds."""

    def migrate(folder: Path) -> None:
        command = [str(python), "-c", _MIGRATE, f"sqlite:///{folder / 'mlflow.db'}"]
        done = subprocess.run(command, env=_environment(), capture_output=True, text=True)
        if done.returncode != 0:
            raise PartFailed("mlflow", f"made no database ({done.returncode})", done.stderr)

    return kept("mlflow-db", content_key(LOCK, _MIGRATE), migrate) / "mlflow.db"

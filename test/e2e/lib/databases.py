"""databases - schemas of every era, a connection pooler and a streaming standby, private, on loopback"""
import pathlib
import shutil
import textwrap

from . import TEST
from .process import Process, folder, free_port, run, until
from .servers import Postgres, amavis_schema, postgres_programs

README = pathlib.Path("/usr/share/doc/amavisd-new/README.sql-pg.gz")


def era_schema(name):
    """SQL of "amavisd-2.3", "amavisd-2.4", "amavisd-2.6" or "amavisd-2.13" (amavisd's own text where its package is installed)."""
    if name == "amavisd-2.13" and README.exists():
        return "\n".join(line for line in amavis_schema().splitlines() if not line.startswith("GRANT"))
    return (TEST / "schema" / f"{name}.sql").read_text()


class PgBouncer:
    """pgbouncer in transaction mode, few server connections for many clients. databases: name -> (port, database).

    It tells every client the same server version and encoding, those of the first server; give each encoding its own."""

    def __init__(self, databases, pool_size=3):
        home = folder("pgbouncer")
        shutil.chown(home, "postgres", "postgres")
        self.port = free_port()
        lines = "\n".join(f"{name} = host=127.0.0.1 port={port} dbname={database} user=postgres"
                          for name, (port, database) in databases.items())
        config = home / "pgbouncer.ini"
        config.write_text(f"[databases]\n{lines}\n" + textwrap.dedent(f"""\
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {self.port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = {pool_size}
            server_login_retry = 1
            max_client_conn = 200
            """))
        self.process = Process("pgbouncer", ["pgbouncer", config], user="postgres", cwd="/").wait_for(f"127.0.0.1:{self.port}", 30)

    def dsn(self, name):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def stop(self):
        self.process.stop()


class Standby(Postgres):
    """A streaming copy of a Postgres; the primary then waits for it at every commit. promote() makes it the primary."""

    def __init__(self, primary):
        self.process = None
        self.home = folder("standby")
        shutil.chown(self.home, "postgres", "postgres")
        self.data = self.home / "data"
        run([postgres_programs() / "pg_basebackup", "-D", self.data, "-h", "127.0.0.1", "-p", primary.port, "-U", "postgres", "-R",
             "--checkpoint=fast", "--no-sync"], user="postgres", group="postgres", extra_groups=[], cwd="/")
        self.port = free_port()
        self.start()
        primary.sql("alter system set synchronous_standby_names = '*'", "postgres")
        primary.sql("select pg_reload_conf()", "postgres")
        until(lambda: primary.rows("select sync_state from pg_stat_replication", "postgres") == [["sync"]], 30, "the standby to follow")

    def promote(self):
        self.sql("select pg_promote(wait => true)", "postgres")

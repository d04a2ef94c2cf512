package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	schema "go.temporal.io/server/schema/sqlite"
	_ "modernc.org/sqlite" // the driver that the server uses too

	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
)

// pragmas of every connection to the database. With a write-ahead log, commits
// survive the death of the process; synchronous=FULL makes them survive that of
// the machine.
var pragmas = map[string]string{
	"journal_mode": "wal",
	"synchronous":  "full",
	"busy_timeout": "10000", // milliseconds
}

// applicationID marks our files, in the field that SQLite has for this: "QLtp".
const applicationID = 0x514c7470

// database is the SQLite file of a server and the lock on it.
type database struct {
	path string // absolute
	lock *filelock.Lock
}

// openDatabase locks the file and makes sure that it has the server's schema.
func openDatabase(ctx context.Context, path string) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	lock, err := filelock.Acquire(path + ".lock")
	if err != nil {
		return nil, err
	}
	d := &database{path: path, lock: lock}
	err = createPrivate(path)
	if err == nil {
		err = d.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return d, nil
}

// createPrivate creates the file, if it is not there, for nobody else to read:
// workflows hold prompts. SQLite gives the files beside it the same rights.
func createPrivate(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// close brings all commits from the write-ahead log into the file, which then
// can be copied alone, and gives the lock back.
func (d *database) close() error {
	err := d.connect(context.Background(), func(ctx context.Context, connection *sql.Conn) error {
		_, err := connection.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		return err
	})
	return errors.Join(err, d.lock.Release())
}

// config is how the server opens the file.
func (d *database) config() *config.SQL {
	attributes := map[string]string{"mode": "rw"}
	for name, value := range pragmas {
		attributes[name] = value
	}
	return &config.SQL{
		PluginName:        sqliteplugin.PluginName,
		DatabaseName:      d.name(),
		ConnectAttributes: attributes,
	}
}

// name is the path as it stands in SQLite's file: URLs.
func (d *database) name() string {
	return (&url.URL{Path: d.path}).EscapedPath()
}

// connect runs a function on a connection of our own.
func (d *database) connect(ctx context.Context, use func(context.Context, *sql.Conn) error) (err error) {
	values := url.Values{"mode": {"rwc"}, "_txlock": {"immediate"}}
	for name, value := range pragmas {
		values.Add("_pragma", name+"="+value)
	}
	pool, err := sql.Open("sqlite", "file:"+d.name()+"?"+values.Encode())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	connection, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	return use(ctx, connection)
}

// prepare creates the schema in a new file and refuses files that are not ours
// or of another version of the server.
func (d *database) prepare(ctx context.Context) error {
	return d.connect(ctx, func(ctx context.Context, connection *sql.Conn) error {
		// One transaction: a file killed half-way is an empty one.
		tx, err := connection.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := prepareSchema(ctx, tx); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	})
}

func prepareSchema(ctx context.Context, tx *sql.Tx) error {
	want, err := schemaNumber(schema.Version)
	if err != nil {
		return err
	}
	var application, version, tables int
	for query, value := range map[string]*int{
		"PRAGMA application_id":              &application,
		"PRAGMA user_version":                &version,
		"SELECT count(*) FROM sqlite_master": &tables,
	} {
		if err := tx.QueryRowContext(ctx, query).Scan(value); err != nil {
			return err
		}
	}
	switch {
	case tables == 0:
	case application != applicationID:
		return errors.New("this SQLite file belongs to another program")
	case version != want:
		return fmt.Errorf("the file has version %d of Temporal's schema, this program needs %d: use the program that made it, or start with a new file", version, want)
	default:
		return nil
	}
	if err := schema.SetupSchemaOnDB(schemaWriter{ctx: ctx, tx: tx}); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, want))
	return err
}

// schemaNumber turns a version such as 0.11 into 11, and 1.2 into 1002.
func schemaNumber(version string) (int, error) {
	var major, minor int
	if _, err := fmt.Sscanf(strings.TrimSpace(version), "%d.%d", &major, &minor); err != nil {
		return 0, fmt.Errorf("version %q of Temporal's schema: %w", version, err)
	}
	return major*1000 + minor, nil
}

// schemaWriter is as much of the server's database as SetupSchemaOnDB needs.
type schemaWriter struct {
	sqlplugin.AdminDB
	ctx context.Context
	tx  *sql.Tx
}

func (w schemaWriter) Exec(statement string, args ...any) error {
	_, err := w.tx.ExecContext(w.ctx, statement, args...)
	return err
}

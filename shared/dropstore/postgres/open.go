package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationsTable keeps these migrations apart from those of other parts of the
// platform in the same database.
const migrationsTable = "quantum_drops_migrations"

// Open connects to the database of a "postgres://…" URL and brings its tables up to date; several processes may do so at the same
// time. The role needs the right to create tables. Without a blob store (nil), large bodies are kept in the same database. Errors say
// what to do and never hold the password; of a server that does not answer, or not yet, they are fault.Unavailable.
func Open(ctx context.Context, databaseURL string, large blob.Store) (_ *Store, err error) {
	config, err := parse(databaseURL)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("opening the drop store: %w", withoutSecret(err, config.ConnConfig.Password))
	}
	defer func() {
		if err != nil {
			pool.Close()
		}
	}()
	if err := pool.Ping(ctx); err != nil {
		return nil, unreachable(err, config.ConnConfig.Password, &config.ConnConfig.Config)
	}
	s := &Store{pool: pool, blobs: large}
	if large == nil {
		s.blobs = &blobs{pool}
	}
	if err = migrate(ctx, pool); err == nil {
		err = s.addMonths(ctx)
	}
	switch {
	case err == nil:
		return s, nil
	case passes(err) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fault.New(fault.Unavailable, "PostgreSQL at %s went away: %w", place(&config.ConnConfig.Config), err)
	}
	return nil, fmt.Errorf("opening the drop store on PostgreSQL at %s: %w", place(&config.ConnConfig.Config), err)
}

// parse reads a URL. What is wrong with it is said without quoting it: a URL that
// does not parse may show the password in any part.
func parse(databaseURL string) (*pgxpool.Config, error) {
	const form = "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %-escapes for special characters in the password"
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("the database URL is malformed: %s", form)
	}
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		password, _ := u.User.Password()
		if password == "" {
			password = u.Query().Get("password")
		}
		return nil, fmt.Errorf("the database URL is malformed: %w: %s", withoutSecret(err, password), form)
	}
	if strings.Contains(config.ConnConfig.Host, "@") { // pgx ends the password at the first: the rest would be shown as host
		return nil, fmt.Errorf("the database URL is malformed: %s", form)
	}
	return config, nil
}

// withoutSecret is an error whose text has the secret blotted out.
func withoutSecret(err error, secret string) error {
	if secret == "" {
		return err
	}
	text := err.Error()
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		text = strings.ReplaceAll(text, form, "xxxxx")
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

func place(c *pgconn.Config) string {
	return fmt.Sprintf("%s, database %q, user %q", net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.Database, c.User)
}

// passes says whether the server's answer is about its state, not about what it was asked: it may take the same later on.
func passes(err error) bool {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Code {
	case "57P01", "57P02", "57P03", // admin_shutdown, crash_shutdown, cannot_connect_now
		"53300": // too_many_connections
		return true
	}
	return strings.HasPrefix(answer.Code, "08") // connection_exception: what stands before the server has lost it
}

// unreachable says why the first connection failed and what can be done: a server that does not answer, or not yet, is
// fault.Unavailable, one that refuses fault.Invalid, as then the URL is wrong.
func unreachable(err error, password string, c *pgconn.Config) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		// pgx repeats user, database and address for each address that it tried.
		if dial := (*net.OpError)(nil); errors.As(err, &dial) {
			err = dial.Err
		}
		return fault.New(fault.Unavailable, "the PostgreSQL server at %s does not answer: %w",
			net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), withoutSecret(err, password)).
			WithHint("check host and port in the database URL, and that the server runs")
	}
	code, hint := fault.Invalid, "mend the database URL or the server's rights"
	if passes(err) {
		code, hint = fault.Unavailable, "it may take connections in a moment"
	}
	switch refused.Code {
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		hint = "check user and password in the database URL"
	case "3D000": // invalid_catalog_name
		hint = fmt.Sprintf("create the database %q, or name another in the database URL", c.Database)
	case "53300": // too_many_connections
		hint = "raise max_connections of the server, or set pool_max_conns in the database URL"
	}
	return fault.New(code, "PostgreSQL at %s refuses: %s", place(c), refused.Message).WithHint("%s", hint)
}

func migrate(ctx context.Context, pool *pgxpool.Pool) (err error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("finding the migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("making the lock of the migrations: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, dir,
		goose.WithTableName(migrationsTable), goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bringing the tables up to date: %w", err)
	}
	return nil
}

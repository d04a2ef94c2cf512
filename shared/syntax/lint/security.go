package lint

import (
	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// securityRules find code that an attacker can use. CWE numbers are those of cwe.mitre.org.
var securityRules = []Rule{
	{
		ID: "hardcoded-secret", CWE: "CWE-798", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Read the secret from the environment or a secret store, and replace this one: it is known now.",
		find:   everywhere(hardcodedSecret),
	},
	{
		ID: "sql-injection", CWE: "CWE-89", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Put placeholders into the statement and hand the values over as arguments.",
		find:   everywhere(sqlInjection),
	},
	{
		ID: "command-injection", CWE: "CWE-78", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Run the program itself with a list of arguments, without a shell.",
		find:   everywhere(commandInjection),
	},
	{
		ID: "code-eval", CWE: "CWE-95", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Parse the input instead of running it.",
		find:   map[syntax.Language]finder{syntax.Python: evalPython, syntax.JavaScript: evalScript, syntax.TypeScript: evalScript},
	},
	{
		ID: "cross-site-scripting", CWE: "CWE-79", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Set text instead of HTML, or escape with a template that knows where the value goes.",
		find:   map[syntax.Language]finder{syntax.Go: rawHTMLGo, syntax.JavaScript: rawHTMLScript, syntax.TypeScript: rawHTMLScript},
	},
	{
		ID: "unsafe-deserialization", CWE: "CWE-502", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Take a format that holds data only, such as JSON, or the loader that reads data only.",
		find:   map[syntax.Language]finder{syntax.Python: deserializePython, syntax.Java: deserializeJava},
	},
	{
		ID: "path-traversal", CWE: "CWE-22", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Take the base name only, or check that the path stays inside its folder (in Go: os.Root or filepath.IsLocal).",
		find: map[syntax.Language]finder{
			syntax.Go: pathTraversal, syntax.Python: pathTraversal, syntax.JavaScript: pathTraversal, syntax.TypeScript: pathTraversal, syntax.Java: pathTraversal,
		},
	},
	{
		ID: "file-mode", CWE: "CWE-732", Check: analysis.Security, Severity: analysis.SeverityWarning,
		Advice: "Take 0o600 for files and 0o700 for folders, or 0o644 and 0o755 when others may read.",
		find: map[syntax.Language]finder{
			syntax.Go: fileMode, syntax.Python: fileMode, syntax.JavaScript: fileMode, syntax.TypeScript: fileMode, syntax.Rust: fileMode,
		},
	},
	{
		ID: "weak-hash", CWE: "CWE-328", Check: analysis.Security, Severity: analysis.SeverityWarning,
		Advice: "Take SHA-256; for passwords bcrypt, scrypt or argon2.",
		find:   everywhere(weakHash),
	},
	{
		ID: "weak-cipher", CWE: "CWE-327", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Take AES-GCM or ChaCha20-Poly1305.",
		find: map[syntax.Language]finder{
			syntax.Go: weakCipher, syntax.Python: weakCipher, syntax.JavaScript: weakCipher, syntax.TypeScript: weakCipher, syntax.Java: weakCipher,
		},
	},
	{
		ID: "weak-random", CWE: "CWE-338", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Take the cryptographic generator: crypto/rand, secrets, crypto.randomBytes, SecureRandom.",
		find: map[syntax.Language]finder{
			syntax.Go: weakRandom, syntax.Python: weakRandom, syntax.JavaScript: weakRandom, syntax.TypeScript: weakRandom, syntax.Java: weakRandom,
		},
	},
	{
		ID: "tls-verification", CWE: "CWE-295", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Leave verification on; trust a private authority by adding its certificate.",
		find:   everywhere(tlsVerification),
	},
	{
		ID: "server-timeouts", CWE: "CWE-400", Check: analysis.Security, Severity: analysis.SeverityWarning,
		Advice: "Build an http.Server with ReadHeaderTimeout: without one, slow clients hold connections for ever.",
		find:   map[syntax.Language]finder{syntax.Go: serverTimeouts},
	},
	{
		ID: "debug-server", CWE: "CWE-489", Check: analysis.Security, Severity: analysis.SeverityError,
		Advice: "Turn debug off, or take it from the environment: the debugger runs any code that a client sends.",
		find:   map[syntax.Language]finder{syntax.Python: debugServer},
	},
	{
		ID: "unsafe-code", CWE: "CWE-119", Check: analysis.Security, Severity: analysis.SeverityWarning,
		Advice: "Do without unsafe, or say in a SAFETY comment right above why it is sound.",
		find:   map[syntax.Language]finder{syntax.Go: unsafeGo, syntax.Rust: unsafeRust},
	},
}

package org.espalier.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.Stream;
import org.espalier.launcher.console.CapturedConsole;
import org.espalier.launcher.console.ExitCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProgramTest {
  private final CapturedConsole captured = new CapturedConsole("");

  @Test
  void runsOnTheModulePath() {
    assertTrue(Main.class.getModule().isNamed());
  }

  private int run(String... arguments) {
    return InThisProcess.run(captured, ModuleLayer.boot(), arguments);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "completion",
        "chat",
        "tokenize",
        "logits",
        "inspect",
        "explain",
        "plugins",
        "models",
        "repair",
        "convert",
        "synthesize",
        "bench",
        "perplexity",
        "evaluate",
        "compare",
        "routing"
      })
  void everyCommandHasHelpWithAnExample(String command) {
    assertEquals(ExitCode.OK, run(command, "--help"));
    assertTrue(captured.out().contains("Usage: espalier " + command), captured.out());
    assertTrue(captured.out().contains("\n  espalier " + command + " "), captured.out());
    assertTrue(captured.out().lines().allMatch(line -> line.length() <= 80), captured.out());
    assertEquals("", captured.err());
  }

  @Test
  void withoutACommandTheHelpIsAnError() {
    assertEquals(ExitCode.MISUSE, run());
    assertEquals("", captured.out());
    assertTrue(captured.err().contains("Commands:"), captured.err());
  }

  @Test
  void theVersionIsTheModules() {
    assertEquals(ExitCode.OK, run("--version"));
    assertTrue(captured.out().matches("Espalier \\d+\\.\\d+\\.\\d+.*, Java \\d+.*\\R"));
  }

  static Stream<Arguments> misuses() {
    return Stream.of(
        misuse("there is no flag --nonsense", "completion", "--nonsense"),
        misuse("(did you mean --temp", "completion", "--tempo", "1"),
        misuse("--n-predict: 'abc' is not a whole number;", "completion", "-n", "abc"),
        misuse("--temperature: 'hot' is not a number;", "completion", "--temp", "hot"),
        misuse("'bogus' is none of list, fetch, verify or remove;", "models", "bogus"),
        misuse("'b' is a word too many", "completion", "-p", "a", "b", "c"),
        misuse("'0' is not a whole number from 1", "completion", "-b", "0"),
        misuse("-t 0: at least one thread", "completion", "-p", "x", "-m", "none", "-t", "0"),
        misuse("-c -1 is negative", "completion", "-p", "x", "-c", "-1"),
        misuse("'x' is not of the form KEY=TYPE:VALUE", "completion", "--override-kv", "x"),
        misuse("neither huggingface nor llama.cpp", "tokenize", "--tokenizer-compat", "x"),
        misuse("--prompt TEXT needs its value", "completion", "-p"),
        misuse("--tokens ID is missing", "logits", "-o", "x"),
        misuse("both -p and -f", "completion", "-p", "x", "-f", "y"),
        misuse("give -p or -f", "completion", "-n", "3"),
        misuse("is a folder", "tokenize", "-f", "."),
        misuse("no model was named", "completion", "-p", "x"),
        misuse("give neither -p nor -f", "tokenize", "--jsonl", "-p", "x"),
        misuse("there is no folder", "logits", "--tokens", "1", "-o", "none/such/file"),
        misuse("there is no command 'nonsense'", "nonsense"),
        misuse("(did you mean completion", "completions", "-p", "x"),
        misuse("is no model of the hub", "completion", "-hf", "model", "-p", "x"),
        misuse("give that too, with -hf", "completion", "-p", "x", "-hff", "some.gguf"),
        misuse("both -m and -hf", "completion", "-p", "x", "-m", "y", "-hf", "some/model"),
        misuse("no model was named", "models", "remove"),
        misuse("no model was named", "inspect"),
        misuse("both a file and -m", "inspect", "x", "-m", "y"),
        misuse("there is no file none", "completion", "-f", "none"),
        misuse("is not in the cache", "models", "list", "a/b", "--model-cache", "none"),
        misuse("cannot yet download from any address", "completion", "-mu", "https://x"),
        misuse(
            "--qtip-expert-offload means --backend offload",
            "completion",
            "--backend=cpu",
            "--qtip-expert-offload",
            "-m",
            "x",
            "-p",
            "x"),
        misuse(
            "--backend cpu keeps all experts",
            "completion",
            "--backend=cpu",
            "--host-memory=1G",
            "-m",
            "x",
            "-p",
            "x"),
        misuse("--n-cpu-moe -4 is negative", "completion", "--n-cpu-moe=-4", "-m", "x", "-p", "x"),
        misuse("there is no file x", "perplexity", "-f", "x"),
        misuse("neither llama nor hf", "perplexity", "-f", "x", "--protocol", "gpt"),
        misuse("FILE is missing", "perplexity", "-m", "x"),
        misuse("there is no task 'x'", "evaluate", "--task", "x", "--data", "y"),
        misuse("--reference FILE is missing", "compare", "-f", "x"),
        misuse("--out FILE is missing", "quantize"));
  }

  private static Arguments misuse(String expected, String... arguments) {
    return Arguments.of(expected, arguments);
  }

  @ParameterizedTest
  @MethodSource("misuses")
  void misuseIsOneSentence(String expected, String[] arguments) {
    assertEquals(ExitCode.MISUSE, run(arguments));
    assertEquals("", captured.out());
    assertEquals(1, captured.errLines().size(), captured.err());
    assertTrue(captured.err().startsWith("espalier: "), captured.err());
    assertTrue(captured.err().contains(expected), captured.err());
  }

  @Test
  void aPromptMayLookLikeAFlagOrAFile() {
    assertEquals(ExitCode.MISUSE, run("completion", "-p", "-n", "-f", "@x"));
    assertTrue(captured.err().contains("both -p and -f"), captured.err());
  }

  @Test
  void flagsWithoutEffectAreNoted() {
    run("completion", "-p", "x", "-ngl", "99", "--mlock", "--no-mmap", "-no-cnv");
    assertTrue(captured.err().contains("note: -ngl 99 has no effect"), captured.err());
    assertTrue(captured.err().contains("note: --mlock"), captured.err());
    assertTrue(captured.err().contains("--no-mmap have no effect"), captured.err());
    assertEquals(4, captured.errLines().size(), captured.err());
  }

  @Test
  void verboseShowsWhereAFailureCameFrom() {
    assertEquals(ExitCode.MISUSE, run("completion", "-p", "x", "--verbose"));
    assertTrue(captured.err().contains("\tat org.espalier.launcher"), captured.err());
  }
}

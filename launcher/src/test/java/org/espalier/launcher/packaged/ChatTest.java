package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Conversations with the packaged program; the demo model is told that it can converse. */
class ChatTest {
  static final String TEMPLATE =
      "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
          + "{{ '<|system|>\\n' + message['content'] + '\\n' }}"
          + "{% elif message['role'] == 'user' %}"
          + "{{ '<|user|>\\n' + message['content'] + '\\n' }}"
          + "{% elif message['role'] == 'assistant' %}{% if not loop.last %}"
          + "{{ '<|assistant|>\\n'  + message['content'] + eos_token + '\\n' }}"
          + "{% else %}{{ '<|assistant|>\\n'  + message['content'] + eos_token }}"
          + "{% endif %}{% endif %}{% if loop.last and add_generation_prompt %}"
          + "{{ '<|assistant|>\\n' }}{% endif %}{% endfor %}";

  @TempDir private Path folder;

  private static Launch chat(String in, String... more) throws Exception {
    List<String> line =
        new ArrayList<>(
            List.of(
                "chat",
                "-m",
                Launch.DEMO.toString(),
                "--override-kv",
                "tokenizer.chat_template=str:" + TEMPLATE,
                "--temp",
                "0",
                "-n",
                "10"));
    line.addAll(List.of(more));
    return Launch.hereWith(in, line.toArray(String[]::new));
  }

  @Test
  void everyLineIsAnswered() throws Exception {
    Launch launch = chat("The king\n\nThe witch\n");
    assertEquals(0, launch.exitCode(), launch.err());
    assertTrue(launch.out().startsWith(chat("The king\n").out()), launch.out());
    assertTrue(launch.out().length() > chat("The king\n").out().length() + 3, launch.out());
    assertTrue(launch.err().contains("/reset begins anew"), launch.err());
    assertTrue(!launch.err().contains("> "), "nobody is invited who does not type");
  }

  @Test
  void resetBeginsAnewAndExitEnds() throws Exception {
    String once = chat("The king\n").out();
    assertEquals(once + once, chat("The king\n/reset\nThe king\n/exit\nThe witch\n").out());
    assertNotEquals(once + once, chat("The king\nThe king\n").out(), "history counts");
    Launch typo = chat("/rest\n");
    assertEquals("", typo.out());
    assertTrue(typo.err().contains("/rest is no command"), typo.err());
  }

  @Test
  void theSceneCountsAndLinesGoOn() throws Exception {
    String plain = chat("The king\n").out();
    assertNotEquals(plain, chat("The king\n", "--system", "You tell of wolves.").out());
    assertEquals(chat("The\\\nking\n").out(), chat("The\\\nking").out(), "the end ends a line");
  }

  @Test
  void baseModelsAndUnknownTemplatesAreRefused() throws Exception {
    Launch base = Launch.hereWith("Hello\n", "chat", "-m", Launch.DEMO.toString());
    assertEquals(1, base.exitCode());
    assertTrue(base.sentence().contains("use completion"), base.err());
    Launch other =
        Launch.hereWith(
            "Hello\n", "chat", "--override-kv", "tokenizer.chat_template=str:{{ messages }}");
    assertEquals(1, other.exitCode());
    assertTrue(other.sentence().contains("not known here"), other.err());
    Launch forced = Launch.hereWith("Hello\n", "chat", "--chat-template", "tulu", "-n", "3");
    assertEquals(0, forced.exitCode(), forced.err());
    assertEquals(2, Launch.here("chat", "--chat-template", "chatml").exitCode());
  }

  @Test
  void aMessageThatDoesNotFitIsNotTheEnd() throws Exception {
    Launch launch = chat("word ".repeat(100) + "\nThe king\n", "-c", "64");
    assertEquals(0, launch.exitCode(), launch.err());
    assertTrue(launch.err().contains("espalier: the prompt has"), launch.err());
    assertTrue(launch.out().strip().length() > 3, launch.out());
  }

  @Test
  void controlCStopsTheAnswerAndThenTheProgram() throws Exception {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Process process =
        Launch.begin(
            out,
            err,
            "chat",
            "--chat-template",
            "tulu",
            "-c",
            "100000",
            "--ignore-eos",
            "--temp",
            "0",
            "-m",
            Launch.DEMO.toString());
    OutputStream in = process.getOutputStream();
    type(in, "Once upon a time\n");
    long first = awaitMoreThan(out, 100, process);
    interrupt(process);
    String stopped = awaitQuiet(out, process);
    assertTrue(stopped.endsWith("\n"), stopped);
    assertTrue(stopped.length() >= first);
    type(in, "The king\n");
    awaitMoreThan(out, Files.size(out) + 50, process);
    interrupt(process);
    awaitQuiet(out, process);
    assertTrue(process.isAlive(), "a stopped answer is not the end");
    interrupt(process);
    Launch launch = Launch.ended(process, out, err);
    assertEquals(130, launch.exitCode(), launch.err());
  }

  private static void type(OutputStream in, String text) throws IOException {
    in.write(text.getBytes(StandardCharsets.UTF_8));
    in.flush();
  }

  private static void interrupt(Process process) throws Exception {
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();
  }

  private static long awaitMoreThan(Path file, long size, Process process) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (Files.size(file) <= size) {
      if (!process.isAlive() || System.nanoTime() > end) {
        throw new AssertionError("no answer: " + Files.readString(file));
      }
      Thread.sleep(10);
    }
    return Files.size(file);
  }

  /** Waits until an answer has ended: its last line is, and nothing more comes. */
  private static String awaitQuiet(Path file, Process process) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    long size = -1;
    while (size != Files.size(file) || !Files.readString(file).endsWith("\n")) {
      if (!process.isAlive() || System.nanoTime() > end) {
        throw new AssertionError("it goes on: " + Files.readString(file));
      }
      size = Files.size(file);
      Thread.sleep(300);
    }
    return Files.readString(file);
  }
}

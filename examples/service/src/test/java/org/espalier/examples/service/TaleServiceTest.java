package org.espalier.examples.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs the service as its user would: java -p, and nothing else. */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TaleServiceTest {
  private Process process;
  private URI tales;

  /** A status and a body. */
  private record Answer(int status, String body) {}

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    Path out = folder.resolve("out");
    process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-p",
                System.getProperty("espalier.modules"),
                "-m",
                "org.espalier.examples.service/org.espalier.examples.service.TaleService",
                Path.of(System.getProperty("espalier.models"), "tiny-tales-qtip.gguf").toString(),
                "0")
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    Optional<String> address = Optional.empty();
    while (address.isEmpty()) {
      assertTrue(process.isAlive(), Files.readString(out));
      Thread.sleep(50);
      address = Files.readAllLines(out).stream().filter(line -> line.startsWith("http")).findAny();
    }
    tales = URI.create(address.get());
  }

  @AfterAll
  void stop() throws InterruptedException {
    process.destroy();
    assertEquals(143, process.waitFor(), "it ends when it is asked to");
  }

  private Answer post(String text) throws IOException {
    HttpURLConnection connection = (HttpURLConnection) tales.toURL().openConnection();
    connection.setDoOutput(true);
    connection.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
    int status = connection.getResponseCode();
    try (InputStream in =
        status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
      return new Answer(status, new String(in.readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  @Test
  void isAModule() {
    assertTrue(TaleService.class.getModule().isNamed());
  }

  @Test
  void aTaleIsContinued() throws Exception {
    Answer answer = post("Once upon a time");
    assertEquals(200, answer.status());
    assertTrue(answer.body().length() > 60, answer.body());
    assertEquals(answer, post("Once upon a time"), "the seed is fixed");
  }

  @Test
  void fourAtOnceAreAsOneAlone() throws Exception {
    Answer alone = post("The king");
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Answer>> answers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        answers.add(threads.submit(() -> post("The king")));
      }
      for (Future<Answer> answer : answers) {
        assertEquals(alone, answer.get());
      }
    }
  }

  @Test
  void whatIsTooLongIsRefused() throws Exception {
    Answer answer = post("word ".repeat(2000));
    assertEquals(400, answer.status());
    assertTrue(answer.body().contains("context"), answer.body());
    assertEquals(400, post("").status());
    assertEquals(400, post("x".repeat(20_000)).status());
  }
}

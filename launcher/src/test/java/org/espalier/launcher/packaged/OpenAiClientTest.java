package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * OpenAI's own client for JavaScript, unmodified. Skipped where there is no node, npm or network.
 */
@Timeout(180)
class OpenAiClientTest {
  private static final String PACKAGE = "openai@6.49.0";
  private static final int OLDEST_NODE = 20;

  @TempDir private Path folder;

  @Test
  void drivesTheServer() throws Exception {
    Needed.require(node() >= OLDEST_NODE, "node " + OLDEST_NODE + " or newer is not installed");
    Files.writeString(folder.resolve("package.json"), "{\"private\": true}");
    Launch install = run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE);
    Needed.require(install.exitCode() == 0, "npm cannot install " + PACKAGE + ": " + install.err());
    try (InputStream script = OpenAiClientTest.class.getResourceAsStream("openai-client.mjs");
        Served server = Served.start("--chat-template", "tulu")) {
      Files.copy(script, folder.resolve("client.mjs"));
      Launch client = run("node", "client.mjs", server.url() + "/v1", "tiny-tales-qtip");
      assertEquals(0, client.exitCode(), client.err());
      assertTrue(client.out().startsWith("{\"text\":\""), client.out());
      while (server.metric("texts_active") > 0) {
        Thread.sleep(20);
      }
      assertEquals(1, server.metric("texts_cancelled_total"), "the stream that was aborted");
    }
  }

  private int node() throws InterruptedException {
    try {
      return Integer.parseInt(run("node", "--version").out().replaceAll("^v(\\d+).*\\s*$", "$1"));
    } catch (IOException _) {
      return 0;
    }
  }

  private Launch run(String... command) throws IOException, InterruptedException {
    Path out = Files.createTempFile(folder, "out", "");
    Path err = Files.createTempFile(folder, "err", "");
    Process process =
        new ProcessBuilder(List.of(command))
            .directory(folder.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    if (!process.waitFor(90, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("still running: " + List.of(command));
    }
    return new Launch(process.exitValue(), Files.readString(out), Files.readString(err));
  }
}

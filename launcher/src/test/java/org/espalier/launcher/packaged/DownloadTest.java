package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models by name, from a hub on this machine. */
class DownloadTest {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
  private static final String NAME = "tales/tiny";

  @TempDir private Path folder;

  @Test
  void aNameIsAsGoodAsAFile() throws Exception {
    byte[] model = Files.readAllBytes(Launch.DEMO);
    String[] line = {"completion", "-hf", NAME, "-p", "Once", "-n", "4", "--temp", "0"};
    Launch fetched;
    Map<String, String> cache = Map.of("ESPALIER_CACHE", folder.toString());
    try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual().start(() -> serve(server, model));
      fetched =
          Launch.in(
              Map.of(
                  "ESPALIER_CACHE",
                  folder.toString(),
                  "HF_ENDPOINT",
                  "http://127.0.0.1:" + server.getLocalPort()),
              line);
    }
    assertEquals(0, fetched.exitCode(), fetched.err());
    assertTrue(fetched.err().contains("downloading tiny.gguf"), fetched.err());
    Launch offline =
        Launch.in(
            cache, "completion", "-hf", NAME, "-p", "Once", "-n", "4", "--temp", "0", "--offline");
    assertEquals(fetched.out(), offline.out(), offline.err());

    Launch list = Launch.in(cache, "models", "--json");
    assertTrue(list.out().contains("\"repository\" : \"tales/tiny\""), list.out());
    assertTrue(list.out().contains("SHA-256 " + sha256(model)), list.out());
    assertEquals("tales/tiny:tiny.gguf: sound\n", Launch.in(cache, "models", "verify").out());
    Path file = folder.resolve("models/tales/tiny/tiny.gguf");
    model[model.length - 1] ^= 1;
    Files.write(file, model);
    Launch damaged = Launch.in(cache, "models", "verify", NAME);
    assertEquals("tales/tiny:tiny.gguf: damaged\n", damaged.out());
    assertEquals(1, damaged.exitCode());
    Launch removed = Launch.in(cache, "models", "remove", NAME);
    assertEquals(0, removed.exitCode(), removed.err());
    assertTrue(Files.notExists(file));
    Launch gone = Launch.in(cache, "inspect", "-hf", NAME, "--offline");
    assertEquals(2, gone.exitCode());
    assertTrue(gone.sentence().contains("is not in the cache"), gone.err());
  }

  private static void serve(ServerSocket server, byte[] model) {
    while (!server.isClosed()) {
      try (Socket client = server.accept()) {
        BufferedReader request =
            new BufferedReader(
                new InputStreamReader(client.getInputStream(), StandardCharsets.US_ASCII));
        String line = request.readLine();
        for (String header = request.readLine(); header != null && !header.isEmpty(); ) {
          header = request.readLine();
        }
        boolean api = line != null && line.startsWith("GET /api/models/tales/tiny?");
        byte[] body = api ? listing(model).getBytes(StandardCharsets.US_ASCII) : model;
        OutputStream out = client.getOutputStream();
        out.write(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                .formatted(body.length)
                .getBytes(StandardCharsets.US_ASCII));
        out.write(body);
      } catch (IOException _) {
        // the client is gone, or the test is over
      }
    }
  }

  private static String listing(byte[] model) {
    return "{\"sha\":\"%s\",\"siblings\":[{\"rfilename\":\"tiny.gguf\",\"size\":%d,\"lfs\":{\"sha256\":\"%s\"}}]}"
        .formatted(COMMIT, model.length, sha256(model));
  }

  private static String sha256(byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}

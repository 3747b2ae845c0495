package org.espalier.launcher.packaged;

import java.io.IOException;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.jr.ob.JSON;

/** A packaged server in a process of its own, on a port that was free. */
final class Served implements AutoCloseable {
  private static final Pattern ADDRESS = Pattern.compile("serving at (http://\\S+)/ ");

  private final Process process;
  private final Path err;
  private final String url;

  private Served(Process process, Path err, String url) {
    this.process = process;
    this.err = err;
    this.url = url;
  }

  /** Starts one and waits until it serves the demo model. */
  static Served start(String... flags) throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory(Path.of("target"), "served-");
    Path err = folder.resolve("err");
    List<String> arguments = new ArrayList<>(List.of("serve", "--port", "0"));
    arguments.addAll(List.of("-m", Launch.DEMO.toString()));
    arguments.addAll(List.of(flags));
    Process process = Launch.begin(folder.resolve("out"), err, arguments.toArray(String[]::new));
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
    while (System.nanoTime() < end && process.isAlive()) {
      Matcher address = ADDRESS.matcher(Files.readString(err));
      if (address.find()) {
        return new Served(process, err, address.group(1));
      }
      Thread.sleep(50);
    }
    process.destroyForcibly();
    throw new AssertionError("it does not serve: " + Files.readString(err));
  }

  /** Where it is, without a slash at the end. */
  String url() {
    return url;
  }

  Process process() {
    return process;
  }

  /** What it has said so far. */
  String said() throws IOException {
    return Files.readString(err);
  }

  /** An answer in one piece. */
  record Answer(int status, String body) {
    Map<String, Object> json() throws IOException {
      return JSON.std.mapFrom(body);
    }

    /** A field of the first choice. */
    Object choice(String field) throws IOException {
      return ((Map<?, ?>) ((List<?>) json().get("choices")).getFirst()).get(field);
    }
  }

  Answer get(String path) throws IOException {
    return answer(open(path));
  }

  Answer post(String path, Object body) throws IOException {
    HttpURLConnection connection = open(path);
    connection.setRequestMethod("POST");
    connection.setDoOutput(true);
    connection.setRequestProperty("Content-Type", "application/json");
    try (OutputStream out = connection.getOutputStream()) {
      out.write(JSON.std.asBytes(body));
    }
    return answer(connection);
  }

  private HttpURLConnection open(String path) throws IOException {
    return (HttpURLConnection) URI.create(url + path).toURL().openConnection();
  }

  private static Answer answer(HttpURLConnection connection) throws IOException {
    int status = connection.getResponseCode();
    try (var in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
      return new Answer(status, new String(in.readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  /** The value of one of its metrics. */
  double metric(String name) throws IOException {
    return get("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith("espalier_" + name + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.indexOf(' ') + 1)))
        .findFirst()
        .orElseThrow();
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(30, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError("the server does not end");
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}

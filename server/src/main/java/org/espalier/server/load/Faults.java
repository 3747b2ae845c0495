package org.espalier.server.load;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

/** Clients that misbehave, each kind in its way and over and over again. */
final class Faults {
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final String STREAM =
      "{\"prompt\": \"Once\", \"max_tokens\": 300, \"ignore_eos\": true, \"stream\": true,"
          + " \"logprobs\": 5, \"experts\": true}";

  private final LoadOptions options;
  private final Tally tally;

  /** One way to misbehave. */
  @FunctionalInterface
  private interface Fault {
    /** Gives the status of the answer, 0 where there is none to wait for. */
    int commit(SplittableRandom random) throws IOException, InterruptedException;
  }

  private record Kind(String name, Fault fault) {}

  private final List<Kind> kinds =
      List.of(
          new Kind("slow reader", this::readSlowly),
          new Kind("vanishing reader", this::vanish),
          new Kind("half a request", this::sayHalf),
          new Kind("half a body", this::sendHalfABody),
          new Kind("huge body announced", this::announceMuch),
          new Kind("huge body in chunks", this::sendMuch),
          new Kind("malformed JSON", this::sendMalformedJson),
          new Kind("invalid UTF-8", this::sendInvalidText),
          new Kind("malformed HTTP", this::sendMalformedHttp));

  Faults(LoadOptions options, Tally tally) {
    this.options = options;
    this.tally = tally;
  }

  int kinds() {
    return kinds.size();
  }

  /** Commits one kind again and again until a point in time. */
  void run(int index, long end) throws InterruptedException {
    Kind kind = kinds.get(index);
    SplittableRandom random = new SplittableRandom(options.seed() + 1000 + index);
    while (System.nanoTime() - end < 0) {
      int status = 0;
      try {
        status = kind.fault.commit(random);
      } catch (SocketTimeoutException _) {
        tally.failed(kind.name + ": no answer within " + PATIENCE.toSeconds() + " s");
      } catch (IOException _) {
        // The server may cut such a client off at any time.
      }
      tally.answered(kind.name, status);
      Thread.sleep(100 + random.nextInt(200));
    }
  }

  private String post(String headers, String body) {
    String key = options.key().map(k -> "Authorization: Bearer " + k + "\r\n").orElse("");
    return "POST /v1/completions HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s%s\r\n%s"
        .formatted(options.server().getAuthority(), key, headers, body);
  }

  private String post(String body) {
    return post(
        "Content-Length: " + body.getBytes(StandardCharsets.ISO_8859_1).length + "\r\n", body);
  }

  private int readSlowly(SplittableRandom random) throws IOException, InterruptedException {
    try (RawClient client = new RawClient(options, 2048)) {
      client.send(post(STREAM));
      byte[] little = new byte[64];
      for (int i = 20 + random.nextInt(20); i > 0 && client.read(little, PATIENCE) >= 0; i--) {
        Thread.sleep(100);
      }
    }
    return 0;
  }

  private int vanish(SplittableRandom random) throws IOException, InterruptedException {
    RawClient client = new RawClient(options, 0);
    client.send(
        post(random.nextBoolean() ? STREAM : STREAM.replace("true, \"log", "false, \"log")));
    Thread.sleep(random.nextInt(50));
    client.vanish();
    return 0;
  }

  private int sayHalf(SplittableRandom random) throws IOException, InterruptedException {
    String whole = post(STREAM);
    RawClient client = new RawClient(options, 0);
    client.send(whole.substring(0, random.nextInt(whole.indexOf("\r\n\r\n"))));
    Thread.sleep(1000 + random.nextInt(3000));
    client.vanish();
    return 0;
  }

  private int sendHalfABody(SplittableRandom random) throws IOException, InterruptedException {
    String whole = post(STREAM);
    int body = whole.indexOf("\r\n\r\n") + 4;
    RawClient client = new RawClient(options, 0);
    client.send(whole.substring(0, body + random.nextInt(whole.length() - body)));
    Thread.sleep(500 + random.nextInt(1000));
    client.vanish();
    return 0;
  }

  private int announceMuch(SplittableRandom random) throws IOException {
    try (RawClient client = new RawClient(options, 0)) {
      client.send(post("Content-Length: " + (1L << 30 + random.nextInt(20)) + "\r\n", "{"));
      return client.readAnswer(PATIENCE);
    }
  }

  private int sendMuch(SplittableRandom random) throws IOException {
    try (RawClient client = new RawClient(options, 0)) {
      client.send(post("Transfer-Encoding: chunked\r\n", ""));
      byte[] text = new byte[1 << 16];
      Arrays.fill(text, (byte) ' ');
      for (int i = 0; i < 1024 + random.nextInt(10); i++) {
        client.send("10000\r\n");
        client.send(text);
        client.send("\r\n");
      }
      return client.readAnswer(PATIENCE);
    }
  }

  private int sendMalformedJson(SplittableRandom random) throws IOException {
    String broken = STREAM.substring(0, random.nextInt(STREAM.length() - 1));
    return answer(
        post(random.nextBoolean() ? broken : "[".repeat(random.nextInt(50_000)) + broken));
  }

  private int sendInvalidText(SplittableRandom random) throws IOException {
    String bytes =
        random.ints(50, 0x80, 0x100).mapToObj(Character::toString).collect(Collectors.joining());
    return answer(post("{\"max_tokens\": 1, \"prompt\": \"" + bytes + "\"}"));
  }

  private int sendMalformedHttp(SplittableRandom random) throws IOException {
    byte[] bytes = post(STREAM.replace("300", "1")).getBytes(StandardCharsets.ISO_8859_1);
    for (int i = 1 + random.nextInt(5); i > 0; i--) {
      bytes[random.nextInt(60)] = (byte) random.nextInt(256);
    }
    try (RawClient client = new RawClient(options, 0)) {
      client.send(bytes);
      client.send("\r\n\r\n");
      return client.readAnswer(PATIENCE);
    }
  }

  private int answer(String request) throws IOException {
    try (RawClient client = new RawClient(options, 0)) {
      client.send(request);
      return client.readAnswer(PATIENCE);
    }
  }
}

package org.espalier.server.load;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;

/** Requests that are put together by chance from fields, values, paths and bytes. */
final class RandomRequests {
  private static final Duration PATIENCE = Duration.ofSeconds(150);

  private static final String[] METHODS = {
    "POST", "POST", "POST", "POST", "POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "X"
  };
  private static final String[] PATHS = {
    "/v1/completions",
    "/v1/completions",
    "/v1/completions",
    "/v1/chat/completions",
    "/tokenize",
    "/detokenize",
    "/v1/models",
    "/v1/models/x",
    "/props",
    "/health",
    "/metrics",
    "/",
    "/page.js",
    "/../../etc/passwd",
    "/%2e%2e/x",
    "/v1//completions",
    "/nothing?a=b",
    "/v1/completions?x"
  };
  private static final String[] FIELDS = {
    "prompt",
    "prompt",
    "prompt",
    "max_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "n",
    "stop",
    "stream",
    "echo",
    "logprobs",
    "seed",
    "logit_bias",
    "suffix",
    "best_of",
    "presence_penalty",
    "frequency_penalty",
    "repeat_penalty",
    "repeat_last_n",
    "messages",
    "content",
    "tokens",
    "experts",
    "stream_options",
    "typical_p",
    "ignore_eos",
    "unknown"
  };
  private static final String[] VALUES = {
    "null",
    "true",
    "false",
    "0",
    "1",
    "2",
    "-1",
    "16",
    "0.5",
    "1e9",
    "-1e308",
    "99999999999999999999",
    "\"\"",
    "\"a\"",
    "\"Once upon a time\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "[]",
    "{}",
    "[1,2,3]",
    "[[1],[2,3]]",
    "[\"a\",\"b\"]",
    "[[]]",
    "[null]",
    "[-1]",
    "[4079]",
    "[999999]",
    "{\"5\": 1}",
    "{\"x\": 1}",
    "{\"include_usage\": true}",
    "[{\"role\":\"user\",\"content\":\"x\"}]",
    "nonsense"
  };

  private final LoadOptions options;
  private final Tally tally;
  private final AtomicInteger next = new AtomicInteger();

  RandomRequests(LoadOptions options, Tally tally) {
    this.options = options;
    this.tally = tally;
  }

  /** Sends its part of them; each depends on its number only. */
  void run() {
    for (int i = next.getAndIncrement(); i < options.randomRequests(); i = next.getAndIncrement()) {
      byte[] request = request(new SplittableRandom(options.seed() * 31 + i));
      int status = 0;
      try (RawClient client = new RawClient(options, 0)) {
        client.send(request);
        status = client.readAnswer(PATIENCE);
      } catch (SocketTimeoutException _) {
        tally.failed("random request " + i + ": no answer within " + PATIENCE.toSeconds() + " s");
      } catch (IOException _) {
        // cut off
      }
      tally.answered("random request", status);
    }
  }

  /** How many were sent. */
  int sent() {
    return Math.min(next.get(), options.randomRequests());
  }

  private byte[] request(SplittableRandom random) {
    String body = body(random);
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    if (random.nextInt(10) == 0 && bytes.length > 0) {
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
    }
    String key = options.key().map(k -> "Authorization: Bearer " + k + "\r\n").orElse("");
    String head =
        "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n"
            .formatted(
                random.nextInt(4) > 0 ? "POST" : pick(METHODS, random),
                random.nextInt(4) > 0 ? "/v1/completions" : pick(PATHS, random),
                options.server().getAuthority(),
                key,
                bytes.length);
    byte[] start = head.getBytes(StandardCharsets.ISO_8859_1);
    byte[] whole = new byte[start.length + bytes.length];
    System.arraycopy(start, 0, whole, 0, start.length);
    System.arraycopy(bytes, 0, whole, start.length, bytes.length);
    return whole;
  }

  /** Mostly a request that might be meant, with a few odd fields; its texts are short. */
  private static String body(SplittableRandom random) {
    if (random.nextInt(20) == 0) {
      return random
          .ints(random.nextInt(200), 1, 0x2FF)
          .mapToObj(Character::toString)
          .reduce("", String::concat);
    }
    StringBuilder body = new StringBuilder("{\"max_tokens\": ").append(random.nextInt(12));
    if (random.nextInt(4) > 0) {
      body.append(", \"prompt\": \"The king\"");
    }
    for (int i = random.nextInt(5); i > 0; i--) {
      body.append(", \"").append(pick(FIELDS, random)).append("\": ").append(pick(VALUES, random));
    }
    return body.append('}').toString();
  }

  private static String pick(String[] of, SplittableRandom random) {
    return of[random.nextInt(of.length)];
  }
}

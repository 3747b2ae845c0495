package org.espalier.server.load;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Iterator;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.espalier.server.http.Json;

/** Clients that behave: each streams one text after another, and looks at every one of them. */
final class Streams {
  private static final String[] WORDS =
      ("once upon a time there was king queen forest wolf and the youngest daughter said to him her"
              + " mother golden apple bird castle night three sons went into great old poor man")
          .split(" ");
  private static final int MOST_PROMPT_WORDS = 60;
  private static final int MOST_TOKENS = 120;

  private final LoadOptions options;
  private final Tally tally;
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(10))
          .build();

  Streams(LoadOptions options, Tally tally) {
    this.options = options;
    this.tally = tally;
  }

  /** One client, until a point in time. */
  void run(int client, long end) throws InterruptedException {
    SplittableRandom random = new SplittableRandom(options.seed() + client);
    while (System.nanoTime() - end < 0) {
      try {
        one(random);
      } catch (IOException e) {
        tally.failed("stream: " + e);
      }
    }
  }

  private void one(SplittableRandom random) throws IOException, InterruptedException {
    int wanted = options.length().orElseGet(() -> 1 + random.nextInt(MOST_TOKENS));
    long start = System.nanoTime();
    HttpResponse<Stream<String>> response =
        http.send(request(random, wanted), BodyHandlers.ofLines());
    try (Stream<String> lines = response.body()) {
      tally.answered("stream", response.statusCode());
      if (response.statusCode() == 200) {
        follow(lines.iterator(), wanted, start);
      } else if (response.statusCode() == 429) {
        tally.turnedAway.increment();
        String seconds = response.headers().firstValue("Retry-After").orElse("1");
        Thread.sleep(Duration.ofSeconds(Long.parseLong(seconds)));
      } else {
        tally.failed(
            "stream: status " + response.statusCode() + " " + lines.findFirst().orElse(""));
      }
    }
  }

  private HttpRequest request(SplittableRandom random, int wanted) {
    StringBuilder prompt = new StringBuilder("The");
    int words = options.promptWords().orElseGet(() -> 1 + random.nextInt(MOST_PROMPT_WORDS));
    for (int i = 1; i < words; i++) {
      prompt.append(' ').append(WORDS[random.nextInt(WORDS.length)]);
    }
    byte[] body =
        Json.write(
            Json.object()
                .put("prompt", prompt.toString())
                .put("max_tokens", wanted)
                .put("seed", random.nextInt(1000))
                .put("ignore_eos", true)
                .put("logprobs", 0) // a chunk for every token, even where its text is held back
                .put("stream", true));
    HttpRequest.Builder request =
        HttpRequest.newBuilder(options.server().resolve("/v1/completions"))
            .timeout(Duration.ofMinutes(3))
            .POST(BodyPublishers.ofByteArray(body));
    options.key().ifPresent(key -> request.header("Authorization", "Bearer " + key));
    return request.build();
  }

  private void follow(Iterator<String> lines, int wanted, long start) {
    int tokens = 0;
    boolean ended = false;
    boolean done = false;
    long last = start;
    while (lines.hasNext()) {
      String line = lines.next();
      done |= line.equals("data: [DONE]");
      ended |= line.contains("\"finish_reason\":\"length\"");
      if (line.contains("\"text_offset\":[") && !line.contains("\"text_offset\":[]")) {
        long now = System.nanoTime();
        (tokens == 0 ? tally.untilFirst : tally.betweenTokens).add(now - last);
        last = now;
        tokens++;
      }
    }
    tally.texts.increment();
    tally.tokens.add(tokens);
    if (!done || !ended || tokens != wanted) {
      tally.failed(
          "stream: %d of %d tokens, %s end".formatted(tokens, wanted, done ? "with" : "without"));
    }
  }
}

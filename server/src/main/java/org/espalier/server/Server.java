package org.espalier.server;

import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Observer;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.runtime.Model;
import org.espalier.runtime.chat.ChatForm;
import org.espalier.server.http.Exchange;
import org.espalier.server.http.HttpFailure;
import org.espalier.server.http.HttpListener;
import org.espalier.server.http.HttpListener.Path;
import org.espalier.server.http.HttpSettings;
import org.espalier.server.http.Json;
import org.espalier.server.observation.Metrics;
import org.espalier.server.openai.Completions;
import org.espalier.server.openai.Information;
import org.espalier.server.openai.Service;
import org.espalier.server.page.Page;
import org.espalier.server.scheduling.Counters;
import org.espalier.server.scheduling.Limits;
import org.espalier.server.scheduling.RoutingRecorder;
import org.espalier.server.scheduling.Scheduler;
import org.espalier.server.scheduling.ServedModel;

/**
 * A server: listens at once, answers {@code /health} with 503 until it is given its model, and
 * generates for many clients at a time from then on.
 */
public final class Server implements AutoCloseable {
  private static final Duration IDLE_CONNECTION = Duration.ofSeconds(75);
  private static final Duration BODY = Duration.ofSeconds(30);
  private static final Duration PIECE = Duration.ofSeconds(30);

  private final ServerOptions options;
  private final RoutingRecorder routing = new RoutingRecorder();
  private final Counters counters = new Counters();
  private final AtomicReference<Optional<Service>> service =
      new AtomicReference<>(Optional.empty());
  private final HttpListener listener;

  /** Work that needs the model. */
  @FunctionalInterface
  private interface ModelEndpoint {
    void handle(Exchange exchange, Service service) throws InterruptedException;
  }

  private Server(ServerOptions options) {
    this.options = options;
    HttpSettings settings =
        new HttpSettings(
            options.address(),
            options.apiKey(),
            options.largestBody(),
            IDLE_CONNECTION,
            BODY,
            PIECE);
    this.listener = new HttpListener(settings, paths());
  }

  /**
   * Begins to listen.
   *
   * @throws org.espalier.api.EspalierException.DeviceFailure when that is not possible
   */
  public static Server start(ServerOptions options) {
    if (options.address().isUnresolved()) {
      throw new InvalidRequest("there is no host " + options.address().getHostString());
    }
    return new Server(options);
  }

  /** What the model must be opened with, so that it can be told which experts a token uses. */
  public Observer observer() {
    return routing;
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return listener.address();
  }

  /**
   * Serves a model from now on. It must stay open until the server is closed, and nobody else may
   * use its executable meanwhile.
   *
   * @throws InvalidRequest when an option does not fit the model
   */
  public void serve(Model model) {
    ServedModel served = ServedModel.of(model, options.contextLength());
    Limits limits =
        new Limits(
            options.parallel(),
            options.waiting(),
            positions(model, served.contextLength()),
            options.waitingTime(),
            options.generationTime());
    Offer<ChatForm> chat = chat(model);
    String file = model.artifact().path().getFileName().toString();
    service.set(
        Optional.of(
            new Service(
                options.name().orElseGet(() -> file.replaceFirst("\\.[A-Za-z]+$", "")),
                file,
                served,
                new Scheduler(served, limits, routing, counters),
                options.parallel(),
                chat,
                Instant.now())));
  }

  private Offer<ChatForm> chat(Model model) {
    try {
      return Offer.accepted(
          options
              .chatTemplate()
              .map(ChatForm::named)
              .orElseGet(() -> ChatForm.of(model.metadata())));
    } catch (Unsupported reason) {
      return Offer.declined(String.valueOf(reason.getMessage()));
    }
  }

  private long positions(Model model, int contextLength) {
    long wanted = (long) options.parallel() * contextLength;
    long heap = Runtime.getRuntime().maxMemory() / 2;
    long fitting = heap / cacheBytesPerPosition(model);
    return options.positions().orElse(Math.max(contextLength, Math.min(wanted, fitting)));
  }

  private static long cacheBytesPerPosition(Model model) {
    int bytes =
        switch (model.precision()) {
          case EXACT -> 4;
          case FAST -> 2;
        };
    ModelPlan plan = model.plan();
    long sum = 1;
    for (Stage stage : plan.stages()) {
      if (stage instanceof Stage.Attention attention) {
        sum += 2L * bytes * attention.keyValueHeads() * attention.headDimension();
      }
    }
    return sum;
  }

  private List<Path> paths() {
    List<Path> paths = new ArrayList<>();
    paths.add(new Path("GET", "/health", false, this::health));
    paths.add(new Path("GET", "/metrics", true, this::metrics));
    paths.add(withModel("POST", "/v1/completions", Completions::complete));
    paths.add(withModel("POST", "/v1/chat/completions", Completions::chat));
    paths.add(withModel("GET", "/v1/models", Information::models));
    paths.add(withModel("GET", "/v1/models/{model}", Information::model));
    paths.add(withModel("GET", "/props", Information::properties));
    paths.add(withModel("POST", "/tokenize", Information::tokenize));
    paths.add(withModel("POST", "/detokenize", Information::detokenize));
    paths.addAll(Page.paths());
    return paths;
  }

  private Path withModel(String method, String pattern, ModelEndpoint endpoint) {
    return new Path(
        method,
        pattern,
        true,
        exchange -> endpoint.handle(exchange, service.get().orElseThrow(HttpFailure::loading)));
  }

  private void health(Exchange exchange) {
    if (service.get().isEmpty()) {
      throw HttpFailure.loading();
    }
    exchange.send(Json.object().put("status", "ok"));
  }

  private void metrics(Exchange exchange) {
    String text =
        Metrics.text(
            counters,
            service.get().map(found -> found.scheduler().waiting()).orElse(0),
            listener.connections(),
            listener.inProgress(),
            listener.answers());
    exchange.send(200, Metrics.CONTENT_TYPE, text.getBytes(StandardCharsets.UTF_8), Map.of());
  }

  /**
   * Ends in an orderly way: refuses new work from now on, waits until what has begun is done, and
   * closes.
   *
   * @return whether everything was done in time
   */
  public boolean stop(Duration patience) throws InterruptedException {
    try {
      long start = System.nanoTime();
      Optional<Service> serving = service.get();
      boolean done = serving.isEmpty() || serving.get().scheduler().drain(patience);
      // What was generated still has to reach those who asked for it.
      Duration left = patience.minusNanos(System.nanoTime() - start);
      return done && listener.awaitQuiet(left);
    } finally {
      close();
    }
  }

  /** Ends everything, now. The model may be closed afterwards. */
  @Override
  public void close() {
    service.get().ifPresent(serving -> serving.scheduler().close());
    listener.close();
  }
}

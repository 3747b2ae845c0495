package org.espalier.runtime.evaluation.routing;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.backend.Session;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.Stage;
import org.espalier.runtime.Model;
import org.espalier.runtime.evaluation.Progress;
import org.espalier.runtime.evaluation.pass.LogitReader;
import org.espalier.runtime.evaluation.pass.Passes;
import org.espalier.runtime.evaluation.pass.Stretch;
import org.espalier.runtime.evaluation.routing.RoutingObserver.Choice;

/** Counts how a model routes the tokens of a text, in disjoint windows. */
public final class Routing {
  private final Model model;
  private final RoutingObserver observer;
  private final List<Stage.MixtureOfExperts> stages;
  private final int experts;
  private final long[][] counts;
  private final double[][] weights;
  private final List<CacheSimulation> caches;

  private Routing(Model model, RoutingObserver observer, List<Integer> cacheSizes) {
    this.model = model;
    this.observer = observer;
    this.stages = stages(model);
    this.experts = stages.stream().mapToInt(Stage.MixtureOfExperts::experts).max().orElse(0);
    this.counts = new long[stages.size()][experts];
    this.weights = new double[stages.size()][experts];
    List<Integer> sizes = cacheSizes.isEmpty() ? defaultSizes(experts) : cacheSizes;
    for (int size : sizes) {
      if (size < 1 || size > experts) {
        throw new InvalidRequest(
            "a cache holds 1 to %d experts per layer, not %d".formatted(experts, size));
      }
    }
    this.caches = CacheSimulation.all(stages.size(), experts, sizes);
  }

  /**
   * Counts.
   *
   * @param model opened with {@code observer}
   * @param window tokens per window
   * @param mostWindows where to stop; 0: at the end of the text
   * @param cacheSizes experts per layer that caches hold; empty: some fractions of all
   * @param progress is told the mean imbalance of the layers so far, after every window
   */
  public static RoutingResult measure(
      Model model,
      RoutingObserver observer,
      int[] tokens,
      int window,
      int mostWindows,
      List<Integer> cacheSizes,
      Progress progress) {
    if (window < 1) {
      throw new InvalidRequest("a window must have at least 1 token, not " + window);
    }
    int windows = tokens.length / window;
    if (windows == 0) {
      throw new InvalidRequest(
          "the text has %d tokens, which is less than a window of %d"
              .formatted(tokens.length, window));
    }
    return new Routing(model, observer, cacheSizes)
        .run(tokens, window, mostWindows > 0 ? Math.min(windows, mostWindows) : windows, progress);
  }

  private static List<Stage.MixtureOfExperts> stages(Model model) {
    List<Stage.MixtureOfExperts> stages = new ArrayList<>();
    for (Stage stage : model.plan().stages()) {
      if (stage instanceof Stage.MixtureOfExperts mixture) {
        stages.add(mixture);
      }
    }
    if (stages.isEmpty()) {
      throw new Unsupported("this model has no experts to route to");
    }
    return stages;
  }

  private static List<Integer> defaultSizes(int experts) {
    return Stream.of(experts / 8, experts / 4, experts / 2, experts * 3 / 4)
        .filter(size -> size > 0)
        .distinct()
        .toList();
  }

  private RoutingResult run(int[] tokens, int window, int windows, Progress progress) {
    Passes passes =
        new Passes(
            model,
            () -> {
              count(observer.take());
              progress.passed();
            });
    observer.take();
    try (Session session = model.newSession(window)) {
      for (int index = 0; index < windows; index++) {
        int[] part = Arrays.copyOfRange(tokens, index * window, (index + 1) * window);
        session.truncate(0);
        passes.run(List.of(new Stretch(session, part, 0, LogitReader.NONE)));
        progress.advanced(
            index + 1,
            windows,
            loads().stream().mapToDouble(LayerLoad::imbalance).average().orElse(0));
      }
    }
    return new RoutingResult(
        window,
        windows,
        experts,
        stages.getFirst().used(),
        expertBytes(),
        loads(),
        caches.stream().map(CacheSimulation::result).toList());
  }

  /** Token after token through all layers, as generation would take them. */
  private void count(Map<Integer, List<Choice>> heard) {
    int rows = heard.values().stream().mapToInt(List::size).max().orElse(0);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < stages.size(); i++) {
        Choice choice = heard.getOrDefault(stages.get(i).layer(), List.of()).get(row);
        for (int j = 0; j < choice.experts().length; j++) {
          counts[i][choice.experts()[j]]++;
          weights[i][choice.experts()[j]] += choice.weights()[j];
        }
        for (CacheSimulation cache : caches) {
          cache.use(i, choice.experts());
        }
      }
    }
  }

  private List<LayerLoad> loads() {
    List<LayerLoad> loads = new ArrayList<>();
    for (int i = 0; i < stages.size(); i++) {
      int count = stages.get(i).experts();
      loads.add(
          new LayerLoad(
              stages.get(i).layer(),
              Arrays.stream(counts[i], 0, count).boxed().toList(),
              Arrays.stream(weights[i], 0, count).boxed().toList()));
    }
    return loads;
  }

  private long expertBytes() {
    long bytes = 0;
    long count = 0;
    for (Stage.MixtureOfExperts stage : stages) {
      bytes +=
          Stream.of(stage.gate(), stage.up(), stage.down()).mapToLong(EncodedLinear::bytes).sum();
      count += stage.experts();
    }
    return bytes / count;
  }
}

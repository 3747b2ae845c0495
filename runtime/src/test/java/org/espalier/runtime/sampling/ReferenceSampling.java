package org.espalier.runtime.sampling;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The chain as plainly as it can be said: sorts everything at every step, in double. */
final class ReferenceSampling {
  private record Candidate(int token, double logit) {}

  private ReferenceSampling() {}

  /** The probability of every token that is left. */
  static Map<Integer, Double> distribution(
      SamplingOptions options, float[] logits, List<Integer> window) {
    List<Candidate> left = penalised(options, logits, window);
    left.sort(Comparator.comparingDouble(Candidate::logit).reversed().thenComparing(c -> c.token));
    if (options.temperature() <= 0) {
      return Map.of(left.getFirst().token, 1.0);
    }
    if (options.topK() > 0) {
      left = left.subList(0, Math.min(options.topK(), left.size()));
    }
    if (options.typicalP() < 1) {
      left = typical(left, options.typicalP());
    }
    if (options.topP() < 1) {
      left = nucleus(left, options.topP());
    }
    if (options.minP() > 0) {
      double[] p = softmax(left, 1);
      List<Candidate> kept = new ArrayList<>();
      for (int i = 0; i < p.length; i++) {
        if (p[i] >= options.minP() * p[0]) {
          kept.add(left.get(i));
        }
      }
      left = kept;
    }
    double[] p = softmax(left, options.temperature());
    Map<Integer, Double> result = new LinkedHashMap<>();
    for (int i = 0; i < p.length; i++) {
      result.put(left.get(i).token, p[i]);
    }
    return result;
  }

  private static List<Candidate> penalised(
      SamplingOptions options, float[] logits, List<Integer> window) {
    float[] changed = logits.clone();
    options.logitBias().forEach((token, bias) -> changed[token] += bias);
    Set<Integer> seen = new HashSet<>(window);
    for (int token : seen) {
      int count = (int) window.stream().filter(t -> t == token).count();
      changed[token] =
          changed[token] <= 0
              ? changed[token] * options.repeatPenalty()
              : changed[token] / options.repeatPenalty();
      changed[token] -= count * options.frequencyPenalty() + options.presencePenalty();
    }
    List<Candidate> candidates = new ArrayList<>();
    for (int i = 0; i < changed.length; i++) {
      candidates.add(new Candidate(i, changed[i]));
    }
    return candidates;
  }

  private static List<Candidate> nucleus(List<Candidate> sorted, float mass) {
    double[] p = softmax(sorted, 1);
    double reached = 0;
    for (int i = 0; i < p.length; i++) {
      reached += p[i];
      if (reached >= mass) {
        return sorted.subList(0, i + 1);
      }
    }
    return sorted;
  }

  private static List<Candidate> typical(List<Candidate> sorted, float mass) {
    double[] p = softmax(sorted, 1);
    double entropy = 0;
    for (double each : p) {
      entropy -= each == 0 ? 0 : each * Math.log(each);
    }
    double centre = entropy;
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < p.length; i++) {
      order.add(i);
    }
    order.sort(Comparator.comparingDouble(i -> (float) Math.abs(-Math.log(p[i]) - centre)));
    Set<Integer> kept = new HashSet<>();
    double reached = 0;
    for (int i : order) {
      kept.add(i);
      reached += p[i];
      if (reached > mass) {
        break;
      }
    }
    List<Candidate> result = new ArrayList<>();
    for (int i = 0; i < p.length; i++) {
      if (kept.contains(i)) {
        result.add(sorted.get(i));
      }
    }
    return result;
  }

  private static double[] softmax(List<Candidate> sorted, double temperature) {
    double largest = sorted.getFirst().logit;
    double[] p =
        sorted.stream().mapToDouble(c -> Math.exp((c.logit - largest) / temperature)).toArray();
    double sum = 0;
    for (double each : p) {
      sum += each;
    }
    for (int i = 0; i < p.length; i++) {
      p[i] /= sum;
    }
    return p;
  }
}

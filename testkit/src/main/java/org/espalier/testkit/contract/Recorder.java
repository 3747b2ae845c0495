package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.espalier.api.backend.Observer;
import org.espalier.api.model.ActivationSite;
import org.jspecify.annotations.Nullable;

/**
 * Keeps all that an observer is told, by kind of site. How many calls bring the rows of a site is
 * the backend's business, and whether it goes on to the next expert before or after it tells of the
 * hidden rows; the rest of the order is not.
 */
final class Recorder implements Observer {

  /** One row at a site; {@code gate} is NaN where the call brought none. */
  private record Seen(ActivationSite site, float[] values, float gate) {}

  private record Routed(int row, int[] experts, float[] weights) {}

  private final Predicate<ActivationSite> wanted;
  private final boolean routingWanted;
  private final Map<String, List<Seen>> rows = new LinkedHashMap<>();
  private final Map<Integer, List<Routed>> routings = new LinkedHashMap<>();

  /** Names of sites in the order in which they first came. */
  private final List<String> order = new ArrayList<>();

  private @Nullable Thread thread;
  private int lastLayer;
  private String lastKind = "nothing";

  Recorder(Predicate<ActivationSite> wanted, boolean routingWanted) {
    this.wanted = wanted;
    this.routingWanted = routingWanted;
  }

  @Override
  public boolean wants(ActivationSite site) {
    return wanted.test(site);
  }

  @Override
  public boolean wantsRouting() {
    return routingWanted;
  }

  @Override
  public void rows(
      ActivationSite site, float[] values, int offset, int count, int width, float[] gates) {
    assertTrue(wanted.test(site), () -> "told about " + site + ", which was not wanted");
    enter(layer(site), kind(site));
    boolean ofExpert =
        site instanceof ActivationSite.ExpertInput || site instanceof ActivationSite.ExpertHidden;
    assertEquals(ofExpert ? count : 0, gates.length, () -> "number of gates at " + site);
    for (int row = 0; row < count; row++) {
      int from = offset + row * width;
      float[] copy = Arrays.copyOfRange(values, from, from + width);
      rows.computeIfAbsent(kind(site), _ -> new ArrayList<>())
          .add(new Seen(site, copy, ofExpert ? gates[row] : Float.NaN));
    }
  }

  @Override
  public void routed(int layer, int row, int[] experts, float[] weights) {
    assertTrue(routingWanted, "told about routing, which was not wanted");
    enter(layer, "routing of layer " + layer);
    routings
        .computeIfAbsent(layer, _ -> new ArrayList<>())
        .add(new Routed(row, experts.clone(), weights.clone()));
  }

  /** This recorder was told what {@code reference} was told, in the same order. */
  void assertAgrees(Recorder reference, double tolerance) {
    assertEquals(reference.order, order, "order of sites");
    reference.routings.forEach((layer, expected) -> assertRouted(layer, expected, tolerance));
    reference.rows.forEach((kind, expected) -> assertSeen(kind, expected, tolerance));
  }

  /** How many sites (by kind) it was told about. */
  int sites() {
    return order.size();
  }

  private void assertRouted(int layer, List<Routed> expected, double tolerance) {
    List<Routed> actual = routings.getOrDefault(layer, List.of());
    assertEquals(expected.size(), actual.size(), () -> "rows routed in layer " + layer);
    for (int i = 0; i < expected.size(); i++) {
      String what = "routing %d of layer %d".formatted(i, layer);
      assertEquals(expected.get(i).row(), actual.get(i).row(), () -> "row in " + what);
      assertArrayEquals(
          expected.get(i).experts(), actual.get(i).experts(), () -> "experts in " + what);
      Agreement.assertClose(
          expected.get(i).weights(), actual.get(i).weights(), tolerance, "weights in " + what);
    }
  }

  private void assertSeen(String kind, List<Seen> expected, double tolerance) {
    List<Seen> actual = rows.getOrDefault(kind, List.of());
    assertEquals(expected.size(), actual.size(), () -> "rows at " + kind);
    for (int i = 0; i < expected.size(); i++) {
      String what = "row %d at %s".formatted(i, kind);
      assertEquals(expected.get(i).site(), actual.get(i).site(), () -> "site of " + what);
      Agreement.assertClose(expected.get(i).values(), actual.get(i).values(), tolerance, what);
      float gate = expected.get(i).gate();
      assertEquals(gate, actual.get(i).gate(), tolerance, () -> "gate of " + what);
    }
  }

  private void enter(int layer, String kind) {
    if (thread == null) {
      thread = Thread.currentThread();
    }
    assertSame(thread, Thread.currentThread(), "an observer is told by one thread");
    assertTrue(
        layer >= lastLayer,
        () ->
            "%s came after %s: a pass tells of all rows, of all its steps, layer by layer"
                .formatted(kind, lastKind));
    lastLayer = layer;
    lastKind = kind;
    if (!order.contains(kind)) {
      order.add(kind);
    }
  }

  private static int layer(ActivationSite site) {
    return switch (site) {
      case ActivationSite.AttentionInput(int layer) -> layer;
      case ActivationSite.AttentionOutput(int layer) -> layer;
      case ActivationSite.ExpertInput(int layer, _) -> layer;
      case ActivationSite.ExpertHidden(int layer, _) -> layer;
      case ActivationSite.HeadInput() -> Integer.MAX_VALUE;
    };
  }

  private static String kind(ActivationSite site) {
    return switch (site) {
      case ActivationSite.AttentionInput(int layer) -> "attention input of layer " + layer;
      case ActivationSite.AttentionOutput(int layer) -> "attention output of layer " + layer;
      case ActivationSite.ExpertInput(int layer, _) -> "expert input of layer " + layer;
      case ActivationSite.ExpertHidden(int layer, _) -> "expert hidden of layer " + layer;
      case ActivationSite.HeadInput() -> "head input";
    };
  }
}

package org.espalier.launcher.command;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.espalier.api.backend.Binding;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;

/**
 * Operators that are alike in everything but layer and role, and who runs them.
 *
 * @param roles what they do
 * @param layers where, ascending; −1 for what belongs to no layer
 * @param codec who encoded their weights, and the layout; plain ones by their number type
 * @param shape of each
 * @param kernel that runs them
 * @param reason what that one has shown in a self-test; empty where there was none
 * @param declined those that were preferred but refused, with the reasons
 */
record KernelChoice(
    List<Role> roles,
    List<Integer> layers,
    String codec,
    String shape,
    String kernel,
    String reason,
    List<String> declined) {

  /** What is known of all operators of a plan, alike ones together, in the order of the plan. */
  static List<KernelChoice> grouped(List<EncodedLinear> linears, List<Binding> bindings) {
    Map<OperatorId, EncodedLinear> byId = new LinkedHashMap<>();
    linears.forEach(linear -> byId.put(linear.id(), linear));
    Map<KernelChoice, List<Integer>> layers = new LinkedHashMap<>();
    for (Binding binding : bindings) {
      EncodedLinear linear = byId.get(binding.operator());
      KernelChoice like =
          new KernelChoice(
              List.of(binding.operator().role()),
              List.of(),
              linear == null ? "unknown" : weights(linear),
              linear == null ? "" : linear.shape().toString(),
              binding.kernel(),
              binding.reason(),
              binding.declined());
      layers.computeIfAbsent(like, _ -> new ArrayList<>()).add(binding.operator().layer());
    }
    Map<KernelChoice, List<Role>> roles = new LinkedHashMap<>();
    layers.forEach((like, where) ->
        roles
            .computeIfAbsent(
                like.with(List.of(), where.stream().sorted().toList()), _ -> new ArrayList<>())
            .addAll(like.roles));
    return roles.entrySet().stream()
        .map(entry -> entry.getKey().with(entry.getValue(), entry.getKey().layers))
        .toList();
  }

  private static String weights(EncodedLinear linear) {
    return switch (linear.form()) {
      case LinearForm.Dense dense -> "plain " + dense.element();
      case LinearForm.Tiled _ -> "%s layout %d".formatted(linear.codec(), linear.layout());
    };
  }

  private KernelChoice with(List<Role> otherRoles, List<Integer> otherLayers) {
    return new KernelChoice(otherRoles, otherLayers, codec, shape, kernel, reason, declined);
  }

  /** Which operators, in words: {@code "expert gate, expert up of layers 0 to 3"}. */
  String operators() {
    String names =
        roles.stream()
            .map(role -> role.name().toLowerCase(Locale.ROOT).replace('_', ' '))
            .collect(Collectors.joining(", "));
    return layers.getFirst() < 0
        ? names
        : "%s of layer%s %s".formatted(names, layers.size() == 1 ? "" : "s", ranges());
  }

  private String ranges() {
    List<String> ranges = new ArrayList<>();
    for (int from = 0, to; from < layers.size(); from = to) {
      to = from + 1;
      while (to < layers.size() && layers.get(to) == layers.get(to - 1) + 1) {
        to++;
      }
      int first = layers.get(from);
      int last = layers.get(to - 1);
      ranges.add(first == last ? String.valueOf(first) : first + " to " + last);
    }
    return ranges.stream().collect(Collectors.joining(", "));
  }
}

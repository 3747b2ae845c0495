package org.espalier.backend.cuda.kernel;

/**
 * Where a row goes: rotated, then stored.
 *
 * @param turn rotation
 * @param operand place
 */
public record Target(Turn turn, Operand operand) {
  private static final Target NONE = new Target(Turn.none(0), new Operand(0, 0, 0, 0));

  /** Appends it. */
  public Parameters write(Parameters parameters) {
    return operand.write(turn.write(parameters));
  }

  /** Appends as many as a kernel has places for. */
  public static Parameters writeAll(Parameters parameters, int places, java.util.List<Target> all) {
    for (int i = 0; i < places; i++) {
      (i < all.size() ? all.get(i) : NONE).write(parameters);
    }
    return parameters;
  }
}

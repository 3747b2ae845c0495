package org.espalier.api.backend;

import java.util.OptionalInt;
import java.util.OptionalLong;
import org.espalier.api.tensor.FileMap;

/**
 * How to compile.
 *
 * @param precision arithmetic
 * @param maximumRows most rows that one forward pass takes; sizes scratch memory. Longer input is
 *     cut by the caller
 * @param memoryLimit bytes that weights, caches and scratch may take together
 * @param observer told about activations as they pass; {@link Observer#NONE} costs nothing
 * @param contextLength positions that sessions will hold, where the caller knows: for backends that
 *     divide memory before the first session is opened
 * @param files where the plan's bytes lie, for backends that read them
 * @param experts lends experts; anything but {@link ExpertStore#NONE} only to a backend that
 *     {@linkplain Backend#borrowsExperts() can borrow}
 * @param placement which experts deserve a device's own memory
 * @param cache in what forms sessions will keep keys and values, for the same backends
 */
public record CompileOptions(
    Precision precision,
    int maximumRows,
    OptionalLong memoryLimit,
    Observer observer,
    OptionalInt contextLength,
    FileMap files,
    ExpertStore experts,
    ExpertPlacement placement,
    CacheTypes cache) {
  public CompileOptions {
    if (maximumRows < 1) {
      throw new IllegalArgumentException("maximumRows must be positive: " + maximumRows);
    }
  }

  /** With caches as the precision has them. */
  public CompileOptions(
      Precision precision,
      int maximumRows,
      OptionalLong memoryLimit,
      Observer observer,
      OptionalInt contextLength,
      FileMap files,
      ExpertStore experts,
      ExpertPlacement placement) {
    this(
        precision,
        maximumRows,
        memoryLimit,
        observer,
        contextLength,
        files,
        experts,
        placement,
        CacheTypes.of(precision));
  }

  /** For whom neither files nor contexts matter. */
  public CompileOptions(
      Precision precision, int maximumRows, OptionalLong memoryLimit, Observer observer) {
    this(
        precision,
        maximumRows,
        memoryLimit,
        observer,
        OptionalInt.empty(),
        FileMap.NONE,
        ExpertStore.NONE,
        ExpertPlacement.UNDECIDED);
  }

  /** No limit, no observer. */
  public static CompileOptions of(Precision precision, int maximumRows) {
    return new CompileOptions(precision, maximumRows, OptionalLong.empty(), Observer.NONE);
  }

  /** The same, with experts lent by somebody. */
  public CompileOptions borrowingFrom(ExpertStore store) {
    return new CompileOptions(
        precision,
        maximumRows,
        memoryLimit,
        observer,
        contextLength,
        files,
        store,
        placement,
        cache);
  }

  /** The same, with places decided. */
  public CompileOptions placing(ExpertPlacement decided) {
    return new CompileOptions(
        precision,
        maximumRows,
        memoryLimit,
        observer,
        contextLength,
        files,
        experts,
        decided,
        cache);
  }

  /** The same, with another observer. */
  public CompileOptions observedBy(Observer other) {
    return new CompileOptions(
        precision,
        maximumRows,
        memoryLimit,
        other,
        contextLength,
        files,
        experts,
        placement,
        cache);
  }

  /** The same, with another limit. */
  public CompileOptions limitedTo(OptionalLong limit) {
    return new CompileOptions(
        precision, maximumRows, limit, observer, contextLength, files, experts, placement, cache);
  }
}

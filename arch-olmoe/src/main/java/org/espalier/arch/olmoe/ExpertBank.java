package org.espalier.arch.olmoe;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.model.Binder;
import org.espalier.api.tensor.ElementType;

/** Makes one bank of experts that are stored by themselves; nothing is copied. */
final class ExpertBank {
  private ExpertBank() {}

  /**
   * The bank.
   *
   * @param stems one for each expert
   * @throws Unsupported when an expert is not plain, or of another number type than the first
   */
  static EncodedLinear bind(Binder binder, OperatorId id, List<String> stems, LinearShape shape) {
    LinearShape one = new LinearShape(1, shape.outputs(), shape.inputs());
    List<MemorySegment> matrices = new ArrayList<>();
    List<ElementType> types = new ArrayList<>();
    for (String stem : stems) {
      LinearForm.Dense dense = dense(binder.bind(id, stem, one), stem);
      if (!types.isEmpty() && dense.element() != types.getFirst()) {
        throw new Unsupported(
            "the experts of %s are stored in different types, '%s' as %s and '%s' as %s: convert"
                    .formatted(id, stems.getFirst(), types.getFirst(), stem, dense.element())
                + " them to one type");
      }
      types.add(dense.element());
      matrices.add(dense.matrices().getFirst());
    }
    return new EncodedLinear(
        id, CodecId.PLAIN, 0, shape, new LinearForm.Dense(types.getFirst(), matrices), Map.of());
  }

  private static LinearForm.Dense dense(EncodedLinear expert, String stem) {
    return switch (expert.form()) {
      case LinearForm.Dense dense -> dense;
      case LinearForm.Tiled _ ->
          throw new Unsupported(
              "the expert '%s' is encoded by %s; experts that are stored one by one must be plain"
                  .formatted(stem, expert.codec()));
    };
  }
}

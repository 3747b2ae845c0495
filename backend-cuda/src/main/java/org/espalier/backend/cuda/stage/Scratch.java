package org.espalier.backend.cuda.stage;

import java.util.List;
import java.util.function.Predicate;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.backend.cuda.kernel.Operand;

/**
 * The working memory of an executable: activations of one chunk of rows. All sizes follow from the
 * plan, so that they are known before anything is loaded.
 */
public final class Scratch {
  /** Most rows that go through the stages together; longer passes go in chunks. */
  public static final int CHUNK = 512;

  /** Most rows whose logits are computed together. */
  static final int HEAD_ROWS = 16;

  /** Bytes of a {@code Row}. */
  static final int ROW_BYTES = 32;

  private static final int ITEM_BYTES = 16;

  final int rows;
  private final long bytes;
  private long base;

  // Offsets.
  private final long rowTable;
  private final long wanted;
  private final long[] residuals = new long[2];
  private final long normed;
  private final Room[] inputs = new Room[3];
  private final long[] projected = new long[3];
  private final long mixed;
  private final Room outputInput;
  private final long update;
  private final Room routerInput;
  private final long scores;
  private final Slots slots;
  private final long startBytes;
  private final Room gateInput;
  private final Room upInput;
  private final long gate;
  private final long up;
  private final long hidden;
  private final Room downInput;
  private final long down;
  private final long headNormed;
  private final Room headInput;
  private final long logits;

  /** Room for the rows of an operand and their scales. */
  private record Room(long rows, long scales) {}

  /** What routing leaves: offsets. */
  private record Slots(
      long chosen,
      long weights,
      long expertStart,
      long slotRow,
      long slotExpert,
      long slotWeight,
      long rowSlots,
      long items,
      long itemCount) {}

  /**
   * @param maximumRows of a pass
   * @param pairs whether a linear takes halves
   * @param isObserved whether somebody wants to see what is inside
   */
  public Scratch(
      ModelPlan plan, int maximumRows, Predicate<EncodedLinear> pairs, boolean isObserved) {
    rows = Math.min(maximumRows, CHUNK);
    List<Stage.Attention> attentions = of(plan, Stage.Attention.class);
    List<Stage.MixtureOfExperts> mixtures = of(plan, Stage.MixtureOfExperts.class);
    List<Stage.Head> heads = of(plan, Stage.Head.class);
    Sizes sizes = new Sizes(pairs);
    long width = plan.width();
    Layout layout = new Layout();
    int queries = attentions.stream().mapToInt(a -> a.query().shape().outputs()).max().orElse(0);
    int keys = attentions.stream().mapToInt(a -> a.key().shape().outputs()).max().orElse(0);
    int used = mixtures.stream().mapToInt(Stage.MixtureOfExperts::used).max().orElse(1);
    int experts = mixtures.stream().mapToInt(Stage.MixtureOfExperts::experts).max().orElse(1);
    int widest = mixtures.stream().mapToInt(m -> m.gate().shape().outputs()).max().orElse(0);
    long slotCount = mixtures.isEmpty() ? 0 : (long) rows * used;

    // What lives from stage to stage.
    rowTable = layout.take((long) rows * ROW_BYTES);
    wanted = layout.take((long) rows * Integer.BYTES);
    residuals[0] = layout.take(4 * rows * width);
    residuals[1] = layout.take(4 * rows * width);
    normed = layout.take(4 * rows * width);
    update = layout.take(4 * rows * width);
    startBytes = 4L * (experts + 1);
    slots = slots(layout, rows, used, startBytes * Math.max(1, mixtures.size()));

    // The experts' outputs, which the next stage adds; until then gate and up have their place.
    long outputs = layout.end();
    gate = layout.take(4 * slotCount * widest);
    up = layout.take(4 * slotCount * widest);
    long afterUp = layout.end();
    layout.back(outputs);
    down = layout.take(4 * slotCount * width);
    layout.back(Math.max(layout.end(), afterUp));

    // Attention, experts and the head take turns here.
    long turns = layout.end();
    List<EncodedLinear> projections =
        attentions.stream().flatMap(a -> List.of(a.query(), a.key(), a.value()).stream()).toList();
    for (int i = 0; i < 3; i++) {
      inputs[i] = room(layout, rows, sizes.row(projections));
      projected[i] = layout.take(4L * rows * (i == 0 ? queries : keys));
    }
    mixed = layout.take(4L * rows * queries);
    outputInput =
        room(layout, rows, sizes.row(attentions.stream().map(Stage.Attention::output).toList()));
    long afterAttention = layout.end();

    layout.back(turns);
    routerInput =
        room(
            layout,
            rows,
            sizes.row(mixtures.stream().map(Stage.MixtureOfExperts::router).toList()));
    scores = layout.take(mixtures.isEmpty() ? 0 : 4L * rows * experts);
    gateInput =
        room(
            layout,
            slotCount,
            sizes.row(mixtures.stream().map(Stage.MixtureOfExperts::gate).toList()));
    upInput =
        room(
            layout,
            slotCount,
            sizes.row(mixtures.stream().map(Stage.MixtureOfExperts::up).toList()));
    hidden = layout.take(isObserved ? 4 * slotCount * widest : 0);
    downInput =
        room(
            layout,
            slotCount,
            sizes.row(mixtures.stream().map(Stage.MixtureOfExperts::down).toList()));
    long afterExperts = layout.end();

    layout.back(turns);
    int headRows = Math.min(rows, HEAD_ROWS);
    headNormed = layout.take(heads.isEmpty() ? 0 : 4 * headRows * width);
    headInput = room(layout, headRows, sizes.row(heads.stream().map(Stage.Head::output).toList()));
    logits = layout.take(heads.isEmpty() ? 0 : 4L * headRows * plan.vocabulary());
    bytes = Math.max(layout.end(), Math.max(afterAttention, afterExperts));
  }

  private static Room room(Layout layout, long rows, long rowBytes) {
    return new Room(layout.take(rows * rowBytes), layout.take(rows * Float.BYTES));
  }

  private static Slots slots(Layout layout, int rows, int used, long startBytes) {
    long ints = 4L * rows * used;
    return new Slots(
        layout.take(ints),
        layout.take(ints),
        layout.take(startBytes),
        layout.take(ints),
        layout.take(ints),
        layout.take(ints),
        layout.take(ints),
        layout.take((long) ITEM_BYTES * rows * used),
        layout.take(4));
  }

  private static <S extends Stage> List<S> of(ModelPlan plan, Class<S> type) {
    return plan.stages().stream().filter(type::isInstance).map(type::cast).toList();
  }

  /** Widest rows. */
  private record Sizes(Predicate<EncodedLinear> pairs) {
    long row(List<EncodedLinear> linears) {
      return linears.stream()
          .mapToLong(linear -> Operand.rowBytes(pairs.test(linear), linear.shape().inputs()))
          .max()
          .orElse(0);
    }
  }

  /** Bytes in all. */
  public long bytes() {
    return bytes;
  }

  /** Says where it is. */
  public void place(long address) {
    base = address;
  }

  long rowTable() {
    return base + rowTable;
  }

  long wanted() {
    return base + wanted;
  }

  long residual(int which) {
    return base + residuals[which];
  }

  long normed() {
    return base + normed;
  }

  long projected(int which) {
    return base + projected[which];
  }

  long mixed() {
    return base + mixed;
  }

  long update() {
    return base + update;
  }

  long scores() {
    return base + scores;
  }

  long chosen() {
    return base + slots.chosen;
  }

  long weights() {
    return base + slots.weights;
  }

  /** Bytes of one mixture's. */
  long startBytes() {
    return startBytes;
  }

  /** One for each mixture, which outlives the pass, for those who record. */
  long expertStart(int mixture) {
    return base + slots.expertStart + mixture * startBytes;
  }

  long slotRow() {
    return base + slots.slotRow;
  }

  long slotExpert() {
    return base + slots.slotExpert;
  }

  long slotWeight() {
    return base + slots.slotWeight;
  }

  long rowSlots() {
    return base + slots.rowSlots;
  }

  long items() {
    return base + slots.items;
  }

  long itemCount() {
    return base + slots.itemCount;
  }

  long gate() {
    return base + gate;
  }

  long up() {
    return base + up;
  }

  long hidden() {
    return base + hidden;
  }

  long down() {
    return base + down;
  }

  long headNormed() {
    return base + headNormed;
  }

  long logits() {
    return base + logits;
  }

  Operand projectionInput(int which, boolean halves, int width) {
    return operand(inputs[which], halves, width);
  }

  Operand outputInput(boolean halves, int width) {
    return operand(outputInput, halves, width);
  }

  Operand routerInput(boolean halves, int width) {
    return operand(routerInput, halves, width);
  }

  Operand gateInput(boolean halves, int width) {
    return operand(gateInput, halves, width);
  }

  Operand upInput(boolean halves, int width) {
    return operand(upInput, halves, width);
  }

  Operand downInput(boolean halves, int width) {
    return operand(downInput, halves, width);
  }

  Operand headInput(boolean halves, int width) {
    return operand(headInput, halves, width);
  }

  private Operand operand(Room room, boolean halves, int width) {
    long at = base + room.rows;
    return halves ? new Operand(0, at, base + room.scales, width) : new Operand(at, 0, 0, width);
  }
}

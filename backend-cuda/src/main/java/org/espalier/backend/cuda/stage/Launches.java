package org.espalier.backend.cuda.stage;

import java.util.ArrayList;
import java.util.List;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.kernel.Bank;
import org.espalier.backend.cuda.kernel.Kernel;
import org.espalier.backend.cuda.kernel.Operand;
import org.espalier.backend.cuda.kernel.Parameters;
import org.espalier.backend.cuda.kernel.Turn;
import org.espalier.backend.cuda.weights.LoadedLinear;

/** Launches kernels with grids that suit the GPU. */
final class Launches {
  /** Rows that kernels for few rows take at a time. */
  static final int FEW = 8;

  /** Rows that kernels for many rows take at a time. */
  static final int MANY = 64;

  /** Above this many rows, matrices for all rows go through the kernel for many. */
  private static final int FEW_LIMIT = 32;

  private static final int TILE = 16;
  private static final int WIDE_COPIES_NEED = 160 << 10;
  private static final int PRODUCTS = 3;

  private final Gpu gpu;
  private final int copies;
  private final int blocks;

  Launches(Gpu gpu) {
    this(gpu, gpu.info().sharedBytesPerMultiprocessor() >= WIDE_COPIES_NEED ? 32 : 8);
  }

  /**
   * @param copies of a codebook in shared memory, 8 or 32: with more of them lanes never wait for
   *     each other, with fewer more blocks fit
   */
  Launches(Gpu gpu, int copies) {
    this.gpu = gpu;
    this.copies = copies;
    this.blocks = 3 * gpu.info().multiprocessors();
  }

  Gpu gpu() {
    return gpu;
  }

  /** Shared memory for a row of floats, with its gaps. */
  static int rowBytes(int width) {
    return Float.BYTES * (width + width / 32 + 1);
  }

  /** Threads of a block that works on a row: about eight values each. */
  static int rowThreads(int width) {
    return Math.clamp((width / 8 + 31) & -32, 32, 256);
  }

  /** A kernel whose blocks hold one row each. */
  void rows(Kernel kernel, int x, int y, int width, Parameters parameters) {
    gpu.launch(kernel, x, y, 1, rowThreads(width), rowBytes(width), parameters);
  }

  /**
   * A product to launch.
   *
   * @param linear its matrices
   * @param input its rows
   * @param output where its rows go
   */
  record Product(LoadedLinear linear, Operand input, long output) {}

  /**
   * Which rows go through which matrix.
   *
   * @param list address of items, or 0: all rows through the only matrix
   * @param count address of their number
   * @param most how many there can be
   * @param rows of all, where there is no list
   * @param itemRows most rows of one
   */
  record Items(long list, long count, int most, int rows, int itemRows) {}

  /** Rows of one item for a plain linear. */
  private static int itemRows(LoadedLinear linear, int rows) {
    return linear.pairs() && rows > FEW_LIMIT ? MANY : FEW;
  }

  /** All rows through plain linears, those of one kind in one launch. */
  void multiply(int rows, List<Product> products) {
    List<Product> left = new ArrayList<>(products);
    while (!left.isEmpty()) {
      LoadedLinear first = left.getFirst().linear();
      List<Product> alike = left.stream().filter(p -> alike(p.linear(), first)).toList();
      left.removeAll(alike);
      int itemRows = itemRows(first, rows);
      int most = (rows + itemRows - 1) / itemRows;
      launch(alike, new Items(0, 0, most, rows, itemRows));
    }
  }

  /** Rows that were sorted by expert. */
  void multiply(Items items, List<Product> products) {
    List<Product> left = new ArrayList<>(products);
    while (!left.isEmpty()) {
      LoadedLinear first = left.getFirst().linear();
      List<Product> alike = left.stream().filter(p -> alike(p.linear(), first)).toList();
      left.removeAll(alike);
      launch(alike, items);
    }
  }

  /** Whether one launch can do both. */
  private static boolean alike(LoadedLinear a, LoadedLinear b) {
    return a.pairs() == b.pairs()
        && a.bank().storage().isQtip() == b.bank().storage().isQtip()
        && a.codebook().equals(b.codebook())
        && a.bank().inputs() == b.bank().inputs();
  }

  private void launch(List<Product> products, Items items) {
    LoadedLinear first = products.getFirst().linear();
    Parameters parameters = new Parameters();
    for (int i = 0; i < PRODUCTS; i++) {
      if (i < products.size()) {
        Product product = products.get(i);
        product.input().write(product.linear().bank().write(parameters)).address(product.output());
      } else {
        new Operand(0, 0, 0, 0).write(Bank.NONE.write(parameters)).address(0);
      }
    }
    parameters
        .address(items.list())
        .address(items.count())
        .address(first.codebook().table())
        .address(first.codebook().floats())
        .integer(items.rows())
        .integer(items.itemRows());
    int outputs = products.stream().mapToInt(p -> p.linear().bank().outputs()).max().orElseThrow();
    int groups = Math.max(1, first.bank().inputs() / (4 * TILE));
    int tileRows = outputs / TILE;
    int others = items.most() * products.size();
    if (!first.bank().storage().isQtip()) {
      launch(Kernel.MULTIPLY_DENSE, (outputs + 3) / 4, items, products, 4, 0, parameters);
    } else if (!first.pairs()) {
      int warps = Math.min(groups, 8);
      int shared = 1024 * Float.BYTES + sumBytes(warps);
      int x = balanced(tileRows, others);
      launch(Kernel.MULTIPLY_QTIP_EXACT, x, items, products, warps, shared, parameters);
    } else if (items.itemRows() == FEW) {
      // More warps where there is but one matrix, lest most of the GPU stand idle.
      int warps = Math.min(groups, first.isSingle() && groups >= 32 ? 16 : 8);
      int shared = copies * 2048 + sumBytes(warps);
      Kernel kernel = copies == 32 ? Kernel.MULTIPLY_QTIP_FEW_32 : Kernel.MULTIPLY_QTIP_FEW_8;
      launch(kernel, balanced(tileRows, others), items, products, warps, shared, parameters);
    } else {
      int warps = Math.min(tileRows, 8);
      int shared = copies * 2048 + 2 * MANY * 36 * Integer.BYTES;
      Kernel kernel = copies == 32 ? Kernel.MULTIPLY_QTIP_MANY_32 : Kernel.MULTIPLY_QTIP_MANY_8;
      int x = (tileRows + warps - 1) / warps;
      launch(kernel, x, items, products, warps, shared, parameters);
    }
  }

  private void launch(
      Kernel kernel,
      int x,
      Items items,
      List<Product> products,
      int warps,
      int shared,
      Parameters parameters) {
    gpu.launch(kernel, x, items.most(), products.size(), 32 * warps, shared, parameters);
  }

  private static int sumBytes(int warps) {
    return warps * FEW * TILE * Float.BYTES;
  }

  /** So many blocks that each has the same number of rows of tiles, and the GPU is full. */
  private int balanced(int tileRows, int others) {
    int wanted = Math.clamp((blocks + others - 1) / others, 1, tileRows);
    int turns = (tileRows + wanted - 1) / wanted;
    return (tileRows + turns - 1) / turns;
  }

  /** Rotates a product's rows where they are, if they are to be rotated. */
  void leave(Turn turn, long values, int rows) {
    if (!turn.isNone()) {
      Parameters parameters = turn.write(new Parameters().address(values));
      rows(Kernel.LEAVE, rows, 1, turn.width(), parameters);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.misuse;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.Engine;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.GenerationMode;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AddLifecycleHook;
import net.jqwik.api.lifecycle.AroundPropertyHook;
import net.jqwik.api.lifecycle.PropertyExecutionResult;
import net.jqwik.api.lifecycle.PropertyExecutor;
import net.jqwik.api.lifecycle.PropertyLifecycleContext;

/**
 * Random sequences of calls, on every public method, in every state, by any thread, with likely and
 * hostile arguments. Whatever is called: only documented exceptions, nobody hears another's bytes,
 * no lease or block is lost, the loops live.
 *
 * <p>{@code ./millrace misuse} plays more of them, and those of a seed again.
 */
public abstract class MisuseProperties {
  private static final int SEQUENCES = 10_000;
  private static final int LONGEST = 12;

  // Of the run: jqwik makes an object of the test for each try.
  private static World world;

  /** The engine under test. */
  protected abstract Engine engine();

  @AddLifecycleHook(InOneWorld.class)
  @Property(
      tries = SEQUENCES,
      generation = GenerationMode.RANDOMIZED,
      edgeCases = EdgeCasesMode.NONE)
  void anySequenceOfCallsHarmsNobody(@ForAll("sequences") List<Step> steps) throws Exception {
    world.play(steps);
  }

  @Provide
  Arbitrary<List<Step>> sequences() {
    return Arbitraries.randomValue(Step::random).list().ofMinSize(1).ofMaxSize(LONGEST);
  }

  /** Who adds a method tells what it may throw, and which arguments it takes. */
  @Example
  void everyPublicMethodIsCalled() {
    assertEquals(Set.of(), KnownMethods.unknown());
  }

  /** One world for all sequences of a run, as many as were asked for. */
  static final class InOneWorld implements AroundPropertyHook {
    @Override
    public PropertyExecutionResult aroundProperty(
        PropertyLifecycleContext context, PropertyExecutor property) throws Throwable {
      Integer sequences = Integer.getInteger("millrace.misuse.sequences");
      if (sequences != null) {
        context.attributes().setTries(sequences);
      }
      String seed = System.getProperty("millrace.misuse.seed", "");
      if (!seed.isEmpty()) {
        context.attributes().setSeed(seed);
      }
      MisuseProperties test = (MisuseProperties) context.testInstance();
      world = new World(test.engine());
      PropertyExecutionResult result = property.execute();
      try {
        world.end();
      } catch (Throwable t) {
        if (result.throwable().isEmpty()) {
          throw t;
        }
        result.throwable().get().addSuppressed(t);
      }
      return result;
    }
  }
}

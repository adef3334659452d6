// Queueing theory: what must come out of the simulator. Rates are per unit of time, in the unit of the
// sizes; loads must be below 1 (results are infinite or meaningless above). "Response" is from arrival to
// departure, "slowdown" response over size, "wait" the time before the first service.
#ifndef OSEVOLVE_VALIDATE_QUEUEING_H_
#define OSEVOLVE_VALIDATE_QUEUEING_H_

#include <span>

#include "validate/size_law.h"

namespace ose {

// Probability that an arrival waits in M/M/k with offered load a = lambda E[S] < k (A. K. Erlang, Solution
// of some problems in the theory of probabilities, 1917; the recursion of L. Kleinrock, Queueing
// Systems 1, Wiley 1975, section 3.5).
double ErlangC(int servers, double offered);

// M/M/k, first come, first served (Kleinrock 1975, section 3.5).
struct MMk {
  int servers;
  double lambda, mean;  // arrival rate, mean size
  double WaitProbability() const { return ErlangC(servers, lambda * mean); }
  double MeanWait() const;
  double MeanResponse() const { return mean + MeanWait(); }
  double WaitExceeds(double t) const;    // P(W > t)
  double WaitQuantile(double p) const;   // least t with P(W <= t) >= p
};
// Quantile of the response time in M/M/1 FCFS, which is exponential.
double MM1ResponseQuantile(double lambda, double mean, double p);

// M/G/1, first come, first served (F. Pollaczek 1930, A. Khinchine 1932; Kleinrock 1975, section 5.7).
double PollaczekKhinchineWait(double lambda, const SizeLaw& sizes);
double FcfsResponse(double lambda, const SizeLaw& sizes);
double FcfsSlowdown(double lambda, const SizeLaw& sizes);

// Egalitarian processor sharing on k servers of which a job uses at most one: E[T(x)] / x, the same for all
// x and every distribution of mean E[S] (J. W. Cohen, The multiple phase service network with generalized
// processor sharing, Acta Informatica 12, 1979; k = 1: M. Sakata, S. Noguchi, J. Oizumi, Operations
// Research 19, 1971). Round robin in the limit of quantum 0 (L. Kleinrock 1964).
double SharingSlowdown(int servers, double load);

// Shortest remaining processing time, M/G/1, of a job of size x (L. Schrage, L. Miller, The queue M/G/1 with
// the shortest remaining processing time discipline, Operations Research 14, 1966). At an atom, equal
// sizes are served in order of arrival.
double SrptResponse(double lambda, const SizeLaw& sizes, double x);
double SrptMeanResponse(double lambda, const SizeLaw& sizes);
double SrptMeanSlowdown(double lambda, const SizeLaw& sizes);

// Least attained service (foreground-background), M/G/1 (L. Schrage, The queue M/G/1 with feedback to lower
// priority queues, Management Science 13, 1967; L. Kleinrock, Queueing Systems 2, Wiley 1976, section 4.6).
double LasResponse(double lambda, const SizeLaw& sizes, double x);
double LasMeanResponse(double lambda, const SizeLaw& sizes);
double LasMeanSlowdown(double lambda, const SizeLaw& sizes);

// Non-preemptive priority, M/G/1, first come, first served within a class: mean wait of class `which`, the
// first being the most urgent (A. Cobham, Priority assignment in waiting line problems, Operations Research
// 2, 1954).
struct PriorityClass {
  double lambda;
  SizeLaw sizes;
};
double PriorityWait(std::span<const PriorityClass> classes, size_t which);

// Jobs per unit of time that k servers can finish when each job costs `dispatch` before it begins and each
// quantum that ends before the job does costs `preemption`: k / (E[S] + d + c E[ceil(S/q) - 1]).
double QuantumCapacity(int servers, const SizeLaw& sizes, double quantum, double preemption, double dispatch);

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_QUEUEING_H_

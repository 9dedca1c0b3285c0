// A course's whole network in two calls: class CourseChain, made by a forward pass over ordinary arrays.

#include <pybind11/stl.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "course.hpp"
#include "nnfast/chain.hpp"
#include "nnfast/gemm.hpp"
#include "register.hpp"

namespace nnfast::bindings {
namespace {

/// The arrays of one affine layer and what follows it; null where there is none.
struct Arrays {
  Array W, b, gamma, beta;
  Array z, y, mask, xc, xn, mean, var, inv_std;
  Array dn, dz, dW, db, dgamma, dbeta;
  double eps = 0;
  ChainNorm norm = ChainNorm::none;
  bool activated = true;
};

class CourseChain {
 public:
  /// Whether everything is ordinary and fits; then the arrays that the pass writes are there.
  bool read(py::handle x_in, const std::vector<py::object>& weights, const std::vector<py::object>& norms,
            const std::string& norm, const std::string& activation, bool keep) {
    x_ = ordinary(x_in, 2);
    if (!x_ || weights.empty() || weights.size() % 2 != 0) return false;
    activation_ = activation == "sigmoid" ? Activation::sigmoid : Activation::relu;
    const ChainNorm kind = norm == "batch"     ? ChainNorm::batch
                           : norm == "running" ? ChainNorm::running
                           : norm == "layer"   ? ChainNorm::layer
                                               : ChainNorm::none;
    const std::size_t count = weights.size() / 2;
    const std::size_t per_norm = kind == ChainNorm::running ? 5 : 3;  // gamma, beta, eps, and the statistics
    if (norms.size() != (kind == ChainNorm::none ? 0 : per_norm * (count - 1))) return false;
    index_t width = x_.shape(1);
    links_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      Arrays& link = links_[i];
      link.W = ordinary(weights[2 * i], 2);
      if (!link.W || link.W.shape(0) != width) return false;
      if (i == 0) is_double_ = link.W.is_double();
      if (link.W.is_double() != is_double_ || (x_.is_double() && !is_double_)) return false;
      width = link.W.shape(1);
      const Array b = ordinary(weights[2 * i + 1]);
      const bool is_row =
          b && ((b.ndim() == 1 && b.shape(0) == width) || (b.ndim() == 2 && b.shape(0) == 1 && b.shape(1) == width));
      if (!is_row || b.is_double() != is_double_ || !b.c_contiguous()) return false;
      link.b = b;
      link.activated = i + 1 < count;
      if (link.activated && kind != ChainNorm::none) {
        link.norm = kind;
        const py::object* const own = &norms[per_norm * i];
        link.gamma = row(own[0], width);
        link.beta = row(own[1], width);
        if (!link.gamma || !link.beta || !py::isinstance<py::float_>(own[2])) return false;
        link.eps = own[2].cast<double>();
        if (!(link.eps >= 0)) return false;
        if (kind == ChainNorm::running) {
          link.mean = row(own[3], width);
          link.var = row(own[4], width);
          if (!link.mean || !link.var) return false;
        }
      }
      prepare(link, keep);
    }
    return true;
  }

  void forward() {
    visit_dtype(is_double_, [&](auto zero) {
      using T = decltype(zero);
      const std::vector<ChainLink<T>> links = views<T>();
      with_x<T>([&]<class S>(MatrixView<const S> x) {
        compute(chain_nanoseconds<T>(links, x.rows), [&](Team& team) { chain_forward<S, T>(team, x, links); });
      });
    });
  }

  [[nodiscard]] py::object y() const { return links_.back().y.object(); }
  /// (y, mask or None) of every layer but the last.
  [[nodiscard]] py::list hidden() const {
    py::list result;
    for (std::size_t i = 0; i + 1 < links_.size(); ++i) {
      result.append(py::make_tuple(links_[i].y.object(), links_[i].mask ? links_[i].mask.object() : py::none()));
    }
    return result;
  }
  /// (mean, var) of the batch, and with `keep` (xc, xn, std) of layer i.
  [[nodiscard]] py::tuple statistics(std::size_t i) const {
    const Arrays& link = links_.at(i);
    if (link.norm != ChainNorm::batch) value_error("CourseChain.statistics: layer ", i, " has no batch statistics");
    if (!link.xc) return py::make_tuple(link.mean.object(), link.var.object());
    Array deviation = new_array(is_double_, link.mean.shape());
    visit_dtype(is_double_, [&](auto zero) {
      using T = decltype(zero);
      for (index_t j = 0; j < deviation.size(); ++j) {
        deviation.data<T>()[j] = std::sqrt(link.var.data<const T>()[j] + static_cast<T>(link.eps));
      }
    });
    return py::make_tuple(link.mean.object(), link.var.object(), link.xc.object(), link.xn.object(),
                          deviation.release());
  }

  /// [(dW, db, dgamma or None, dbeta or None), ...], or None where dy is not ordinary.
  py::object backward(py::handle dy_in, double decay) {
    const Array dy = ordinary(dy_in, 2);
    Arrays& last = links_.back();
    if (!dy || dy.is_double() != is_double_ || !same_shape(dy.shape(), last.y.shape())) return py::none();
    for (Arrays& link : links_) {
      if (link.norm == ChainNorm::running) return py::none();
      const index_t row_shape[] = {link.W.shape(1)};
      link.dz = &link == &last ? contiguous(dy) : new_array(is_double_, link.y.shape());
      link.dW = new_array(is_double_, link.W.shape());
      link.db = new_array(is_double_, Shape(row_shape));
      if (link.norm == ChainNorm::none) continue;
      link.dn = new_array(is_double_, link.y.shape());
      link.dgamma = new_array(is_double_, Shape(row_shape));
      link.dbeta = new_array(is_double_, Shape(row_shape));
    }
    visit_dtype(is_double_, [&](auto zero) {
      using T = decltype(zero);
      const std::vector<ChainLink<T>> links = views<T>();
      with_x<T>([&]<class S>(MatrixView<const S> x) {
        compute(2 * chain_nanoseconds<T>(links, x.rows),
                [&](Team& team) { chain_backward<S, T>(team, x, links, static_cast<T>(decay)); });
      });
    });
    py::list result;
    for (const Arrays& link : links_) {
      const bool has = static_cast<bool>(link.dgamma);
      result.append(py::make_tuple(link.dW.object(), link.db.object(), has ? link.dgamma.object() : py::none(),
                                   has ? link.dbeta.object() : py::none()));
    }
    return result;
  }

 private:
  Array row(py::handle value, index_t width) const {
    Array a = ordinary(value, 1);
    return a && a.is_double() == is_double_ && a.shape(0) == width && a.c_contiguous() ? a : Array();
  }

  void prepare(Arrays& link, bool keep) const {
    const index_t batch = x_.shape(0);
    const index_t shape[] = {batch, link.W.shape(1)};
    const auto matrix = [&] { return new_array(is_double_, Shape(shape)); };
    link.y = matrix();
    if (keep && link.activated && activation_ == Activation::relu) link.mask = new_bool(Shape(shape));
    if (link.norm == ChainNorm::none) return;
    link.z = matrix();
    if (link.norm == ChainNorm::running) return;
    const index_t statistics[] = {link.norm == ChainNorm::layer ? batch : shape[1]};
    for (Array* a : {&link.mean, &link.var, &link.inv_std}) *a = new_array(is_double_, Shape(statistics));
    if (keep && link.norm == ChainNorm::batch) {
      link.xc = matrix();
      link.xn = matrix();
    }
  }

  template <class T>
  [[nodiscard]] std::vector<ChainLink<T>> views() {
    std::vector<ChainLink<T>> result;
    for (Arrays& a : links_) {
      ChainLink<T> link;
      link.W = matrix_view<const T>(a.W);
      link.b = a.b.data<const T>();
      link.norm = a.norm;
      link.gamma = a.gamma.data<const T>();
      link.beta = a.beta.data<const T>();
      link.eps = a.eps;
      link.activated = a.activated;
      link.f = activation_;
      link.z = a.z.data<T>();
      link.y = a.y.data<T>();
      link.mask = a.mask.data<bool>();
      link.xc = a.xc.data<T>();
      link.xn = a.xn.data<T>();
      link.mean = a.mean.data<T>();
      link.var = a.var.data<T>();
      link.inv_std = a.inv_std.data<T>();
      link.dn = a.dn.data<T>();
      link.dz = a.dz.data<T>();
      if (a.dW) link.dW = contiguous_rows<T>(a.dW);
      link.db = a.db.data<T>();
      link.dgamma = a.dgamma.data<T>();
      link.dbeta = a.dbeta.data<T>();
      result.push_back(link);
    }
    return result;
  }

  template <class T, class F>
  void with_x(F&& f) {
    if constexpr (std::is_same_v<T, double>) {
      if (x_.is_double()) return f(matrix_view<const double>(x_));
    }
    f(matrix_view<const float>(x_));
  }

  Array x_;
  std::vector<Arrays> links_;
  Activation activation_ = Activation::relu;
  bool is_double_ = false;
};

/// A chain that has gone forward, or None where NumPy has to have a look.
py::object course_chain(py::handle x, const std::vector<py::object>& weights, const std::vector<py::object>& norms,
                        const std::string& norm, const std::string& activation, bool keep) {
  auto chain = std::make_unique<CourseChain>();
  if (!chain->read(x, weights, norms, norm, activation, keep)) return py::none();
  chain->forward();
  return py::cast(std::move(chain));
}

}  // namespace

void register_course_chain(py::module_& m) {
  using namespace py::literals;
  py::class_<CourseChain>(m, "CourseChain")
      .def_property_readonly("y", &CourseChain::y)
      .def("hidden", &CourseChain::hidden)
      .def("statistics", &CourseChain::statistics, "i"_a)
      .def("backward", &CourseChain::backward, "dy"_a, "decay"_a = 0.0);
  m.def("course_chain", &course_chain, "x"_a, "weights"_a, "norms"_a, "norm"_a, "activation"_a, "keep"_a);
}

}  // namespace nnfast::bindings
